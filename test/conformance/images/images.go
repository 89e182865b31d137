// Package images makes the container images that upstream's conformance tests run, from
// upstream's own programs and Debian packages, under upstream's names. Where upstream's
// have Alpine below them, these have Debian.
package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	upstream "k8s.io/kubernetes/test/utils/image"
)

// Sources says where things come from.
type Sources struct {
	// Programs is the directory with what was built of upstream's.
	Programs string
	// Kubernetes is the directory of the module k8s.io/kubernetes.
	Kubernetes string
	// Packages is where Debian packages are kept.
	Packages string
}

func (s Sources) program(name string) string { return filepath.Join(s.Programs, name) }

func (s Sources) image(parts ...string) string {
	return filepath.Join(append([]string{s.Kubernetes, "test", "images"}, parts...)...)
}

var shellPath = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// Write makes the images and writes them into an archive as "docker save" does.
func Write(ctx context.Context, s Sources, file string) error {
	layers, err := s.layers(ctx)
	if err != nil {
		return err
	}
	base, tools, agnhost := layers["base"], layers["tools"], layers["agnhost"]
	server := v1.Config{Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"}, Env: shellPath}
	pictures := server
	pictures.Cmd = []string{"test-webserver"}
	nginx := v1.Config{Cmd: []string{"nginx", "-g", "daemon off;"}, Env: shellPath, StopSignal: "SIGQUIT"}
	shell := v1.Config{Cmd: []string{"sh"}, Env: shellPath}
	unprivileged := shell
	unprivileged.User = "1234"
	archive := make(map[name.Tag]v1.Image)
	for _, i := range []struct {
		id     upstream.ImageID
		config v1.Config
		layers []v1.Layer
	}{
		{upstream.Agnhost, server, []v1.Layer{base, tools, agnhost}},
		{upstream.AgnhostPrev, server, []v1.Layer{base, tools, agnhost}},
		{upstream.Kitten, pictures, []v1.Layer{base, tools, agnhost, layers["kitten"]}},
		{upstream.Nautilus, pictures, []v1.Layer{base, tools, agnhost, layers["nautilus"]}},
		{upstream.GlibcDnsTesting, shell, []v1.Layer{base, tools}},
		{upstream.BusyBox, shell, []v1.Layer{base}},
		{upstream.NonRoot, unprivileged, []v1.Layer{base}},
		{upstream.Nonewprivs, v1.Config{Cmd: []string{"nnp"}, Env: shellPath}, []v1.Layer{base, layers["nonewprivs"]}},
		{upstream.Nginx, nginx, []v1.Layer{base, layers["nginx"]}},
		{upstream.NginxNew, nginx, []v1.Layer{base, layers["nginx"]}},
		{upstream.Etcd, v1.Config{Env: shellPath}, []v1.Layer{base, layers["etcd"]}},
		{upstream.APIServer, v1.Config{Entrypoint: []string{"/sample-apiserver"}, Env: shellPath}, []v1.Layer{base, layers["sample-apiserver"]}},
	} {
		full := upstream.GetE2EImage(i.id)
		tag, err := name.NewTag(full)
		if err != nil {
			return fmt.Errorf("parse image name: %w", err)
		}
		// Two names of one image would get mixed up: a node tells of an image, not of
		// the name that it was pulled by.
		i.config.Labels = map[string]string{"org.opencontainers.image.ref.name": full}
		if archive[tag], err = assemble(i.config, i.layers); err != nil {
			return fmt.Errorf("make image %s: %w", full, err)
		}
	}
	if err := tarball.MultiWriteToFile(file, archive); err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	return nil
}

func assemble(config v1.Config, layers []v1.Layer) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS, file.Config, file.Created = runtime.GOARCH, "linux", config, v1.Time{Time: epoch}
	return mutate.ConfigFile(image, file)
}

// layers are what the images are put together of.
func (s Sources) layers(ctx context.Context) (map[string]v1.Layer, error) {
	tools, err := download(ctx, filepath.Join(s.Packages, "tools"), "bind9-dnsutils", "ca-certificates", "coreutils", "curl",
		"iperf", "iproute2", "iputils-ping", "libc-bin", "netcat-openbsd", "socat", "util-linux")
	if err != nil {
		return nil, err
	}
	nginx, err := download(ctx, filepath.Join(s.Packages, "nginx"), "nginx", "coreutils")
	if err != nil {
		return nil, err
	}
	layers := make(map[string]v1.Layer)
	for name, fill := range map[string]func(l *layer){
		"base": s.userland,
		"tools": func(l *layer) {
			l.debian(tools)
			l.link("/bin/nc", "nc.openbsd")
			l.link("/usr/bin/nc", "/bin/nc.openbsd")
		},
		"agnhost":          s.agnhost,
		"nginx":            func(l *layer) { l.debian(nginx); webServer(l) },
		"kitten":           func(l *layer) { s.pictures(l, "kitten") },
		"nautilus":         func(l *layer) { s.pictures(l, "nautilus") },
		"nonewprivs":       func(l *layer) { l.program("/usr/local/bin/nnp", 0o6755, s.program("nonewprivs")) },
		"sample-apiserver": func(l *layer) { l.program("/sample-apiserver", 0o755, s.program("sample-apiserver")) },
		"etcd":             func(l *layer) { l.program("/usr/local/bin/etcd", 0o755, s.program("etcd")) },
	} {
		l := newLayer()
		fill(l)
		if layers[name], err = l.done(); err != nil {
			return nil, fmt.Errorf("make layer %s: %w", name, err)
		}
	}
	return layers, nil
}

// userland is busybox with a link for each of its commands, and what programs expect.
func (s Sources) userland(l *layer) {
	const busybox = "/bin/busybox"
	list, err := exec.Command(s.program("busybox"), "--list-full").Output()
	if err != nil {
		l.err = fmt.Errorf("list busybox commands: %w", err)
		return
	}
	l.program(busybox, 0o755, s.program("busybox"))
	// Alpine has them where they belong, upstream's busybox image has all in /bin.
	linked := map[string]bool{busybox: true}
	for command := range strings.FieldsSeq(string(list)) {
		for _, name := range []string{"/" + command, "/bin/" + path.Base(command)} {
			if !linked[name] {
				linked[name] = true
				l.link(name, busybox)
			}
		}
	}
	l.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101:nginx:/nonexistent:/bin/false\n"+
		"www-data:x:33:33:www-data:/var/www:/bin/false\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"+
		"nobody:x:65534:65534:nobody:/:/bin/false\n")
	l.text("/etc/group", "root:x:0:\nwww-data:x:33:\nnginx:x:101:\nuser-defined-in-image:x:1000:\n"+
		"group-defined-in-image:x:50000:user-defined-in-image\nnogroup:x:65534:\n")
	l.text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
	for dir, mode := range map[string]int64{"/tmp": 0o1777, "/root": 0o700, "/run": 0o755, "/var/run": 0o755, "/home": 0o755} {
		l.dir(dir, mode)
	}
}

func (s Sources) agnhost(l *layer) {
	l.program("/agnhost", 0o755, s.program("agnhost"))
	l.link("/agnhost-2", "agnhost")
	l.dir("/uploads", 0o755)
	// A test of image volumes reads this file, and looks for the name of what upstream's
	// image is built on.
	l.text("/etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian packages, in the place of Alpine Linux\"\n")
	for _, file := range []string{"localhost.crt", "localhost.key"} {
		l.program("/"+file, 0o644, s.image("agnhost", "porter", file))
	}
}

// pictures are what the two images of the update demo serve.
func (s Sources) pictures(l *layer, which string) {
	entries, err := os.ReadDir(s.image(which, "html"))
	if err != nil {
		l.err = err
		return
	}
	for _, e := range entries {
		l.program("/"+e.Name(), 0o644, s.image(which, "html", e.Name()))
	}
}

// webServer sets nginx up as its official image does: one page, and logs to the output.
func webServer(l *layer) {
	l.text("/etc/nginx/nginx.conf", `user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /var/log/nginx/access.log;
  server {
    listen 80;
    server_name localhost;
    location / { root /usr/share/nginx/html; index index.html index.htm; }
  }
}
`)
	l.text("/usr/share/nginx/html/index.html", "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>\n")
	l.link("/var/log/nginx/access.log", "/dev/stdout")
	l.link("/var/log/nginx/error.log", "/dev/stderr")
}
