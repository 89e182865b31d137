// Command build makes the bundled images, as one OCI image layout. Same inputs give
// the same bytes: times are fixed and names sorted.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// inputs are the programs that the images hold.
type inputs struct {
	pause, coredns, toolbox, traefik, busybox, busyboxHere, bash string
}

func main() {
	var in inputs
	flag.StringVar(&in.pause, "pause", "", "path of the pause program")
	flag.StringVar(&in.traefik, "traefik", "", "path of Traefik")
	flag.StringVar(&in.coredns, "coredns", "", "path of CoreDNS")
	flag.StringVar(&in.toolbox, "toolbox", "", "path of toolbox")
	flag.StringVar(&in.busybox, "busybox", "/bin/busybox", "path of a static busybox")
	flag.StringVar(&in.busyboxHere, "busybox-here", "/bin/busybox", "path of a busybox that runs on this machine")
	flag.StringVar(&in.bash, "bash", "/bin/bash-static", "path of a static bash")
	arch := flag.String("arch", "amd64", "architecture of the images")
	out := flag.String("out", "", "directory of the layout")
	flag.Parse()
	if err := build(in, *arch, *out); err != nil {
		fmt.Fprintln(os.Stderr, "build images:", err)
		os.Exit(1)
	}
}

func build(in inputs, arch, out string) error {
	for _, name := range []string{in.pause, in.coredns, in.toolbox, in.traefik, in.busybox, in.bash} {
		if err := runsAlone(name, arch); err != nil {
			return err
		}
	}
	pause, err := layerOf(program("/pause", in.pause))
	if err != nil {
		return err
	}
	coredns, err := layerOf(program("/coredns", in.coredns))
	if err != nil {
		return err
	}
	traefik, err := layerOf(program("/traefik", in.traefik))
	if err != nil {
		return err
	}
	userland, err := userland(in)
	if err != nil {
		return err
	}
	base, err := layerOf(userland...)
	if err != nil {
		return err
	}
	toolbox, err := layerOf(program("/usr/local/bin/toolbox", in.toolbox),
		entry{name: "/usr/local/bin/nslookup", mode: 0o777, link: "toolbox"},
		entry{name: "/usr/local/bin/wget", mode: 0o777, link: "toolbox"})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	dir, err := layout.Write(out, empty.Index)
	if err != nil {
		return err
	}
	shellPath := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	images := []image{
		{"registry.k8s.io/pause:3.10.2", v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"}, []v1.Layer{pause}},
		{"registry.k8s.io/coredns/coredns:v1.15.0", v1.Config{Entrypoint: []string{"/coredns"}, WorkingDir: "/"}, []v1.Layer{coredns}},
		{"docker.io/library/traefik:v3.7.5", v1.Config{Entrypoint: []string{"/traefik"}, WorkingDir: "/"}, []v1.Layer{traefik}},
		{"docker.io/kubarium/toolbox:1.0", v1.Config{Cmd: []string{"toolbox", "sleep"}, Env: shellPath}, []v1.Layer{base, toolbox}},
	}
	for _, version := range []string{"1.0", "2.0", "3.0"} {
		images = append(images, image{"docker.io/kubarium/web:" + version, v1.Config{
			Entrypoint: []string{"toolbox"}, Cmd: []string{"serve"},
			Env: append(slices.Clone(shellPath), "VERSION="+version), ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		}, []v1.Layer{base, toolbox}})
	}
	for _, i := range images {
		if err := i.write(dir, arch); err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	return nil
}

type image struct {
	name   string
	config v1.Config
	layers []v1.Layer
}

func (i image) write(dir layout.Path, arch string) error {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, i.layers...)
	if err != nil {
		return err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS, file.Config, file.Created = arch, "linux", i.config, v1.Time{Time: epoch}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return err
	}
	return dir.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": i.name}))
}

// epoch is the time of everything in the images.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// entry is one file of a layer.
type entry struct {
	name    string
	mode    fs.FileMode
	content []byte
	link    string
	source  string
}

func program(name, source string) entry { return entry{name: name, mode: 0o755, source: source} }

// userland is busybox with a link for each of its commands, bash as the shell, and the
// files that programs expect to find. Busybox's own shell would prefer its commands to
// others of the same name in the PATH.
//
// Its list of commands comes from one of the same release that runs here.
func userland(in inputs) ([]entry, error) {
	list, err := exec.Command(in.busyboxHere, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("list busybox commands: %w", err)
	}
	entries := []entry{
		program("/bin/busybox", in.busybox),
		program("/bin/bash", in.bash),
		{name: "/bin/sh", mode: 0o777, link: "bash"},
		{name: "/etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{name: "/etc/group", mode: 0o644, content: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{name: "/etc/profile", mode: 0o644, content: []byte("PS1='\\h:\\w\\$ '\n")},
		{name: "/tmp/", mode: 0o1777},
		{name: "/root/", mode: 0o700},
		{name: "/var/", mode: 0o755},
	}
	seen := map[string]bool{"/bin/busybox": true, "/bin/bash": true, "/bin/sh": true}
	for _, command := range strings.Fields(string(list)) {
		name := "/" + strings.TrimPrefix(command, "/")
		if !seen[name] {
			seen[name] = true
			entries = append(entries, entry{name: name, mode: 0o777, link: "/bin/busybox"})
		}
	}
	return entries, nil
}

func layerOf(entries ...entry) (v1.Layer, error) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	made := map[string]bool{"/": true}
	for _, e := range entries {
		if err := parents(archive, e.name, made); err != nil {
			return nil, err
		}
		if err := e.write(archive, made); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(opener(buffer.Bytes()),
		tarball.WithCompression(compression.ZStd), tarball.WithCompressionLevel(int(zstd.SpeedBestCompression)),
		tarball.WithMediaType(types.OCILayerZStd))
}

// parents writes the directories above name that are not there yet.
func parents(archive *tar.Writer, name string, made map[string]bool) error {
	dir := path.Dir(strings.TrimSuffix(name, "/"))
	if made[dir] {
		return nil
	}
	if err := parents(archive, dir, made); err != nil {
		return err
	}
	return entry{name: dir + "/", mode: 0o755}.write(archive, made)
}

func (e entry) write(archive *tar.Writer, made map[string]bool) error {
	header := &tar.Header{Name: strings.TrimPrefix(e.name, "/"), Mode: int64(e.mode.Perm()), ModTime: epoch, Format: tar.FormatPAX}
	if e.mode&0o1000 != 0 {
		header.Mode |= 0o1000
	}
	switch {
	case strings.HasSuffix(e.name, "/"):
		header.Typeflag = tar.TypeDir
		made[strings.TrimSuffix(e.name, "/")] = true
	case e.link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	default:
		header.Typeflag = tar.TypeReg
		if e.source != "" {
			content, err := os.ReadFile(e.source)
			if err != nil {
				return err
			}
			e.content = content
		}
		header.Size = int64(len(e.content))
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(e.content)
	return err
}
