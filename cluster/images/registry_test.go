package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestTheBundledImages(t *testing.T) {
	r, _ := open(t)
	list, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, image := range list {
		names = append(names, image.Name)
		if !image.Bundled {
			t.Errorf("%s is not called bundled", image.Name)
		}
	}
	want := []string{
		"docker.io/kubarium/toolbox:1.0",
		"docker.io/kubarium/web:1.0", "docker.io/kubarium/web:2.0", "docker.io/kubarium/web:3.0",
		"docker.io/library/traefik:v3.7.5",
		"registry.k8s.io/coredns/coredns:v1.15.0",
		"registry.k8s.io/pause:3.10.2",
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("bundled are %q, want %q", names, want)
	}
}

// The store is an image layout that other tools read, and each image in it is sound.
func TestTheStoreIsASoundLayout(t *testing.T) {
	r, _ := open(t)
	index, err := layout.ImageIndexFromPath(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	layers := make(map[string][]v1.Hash)
	for _, d := range manifest.Manifests {
		n := d.Annotations[refName]
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(image); err != nil {
			t.Errorf("%s: %v", n, err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != "linux" || config.Architecture != runtime.GOARCH {
			t.Errorf("%s is for %s/%s", n, config.OS, config.Architecture)
		}
		layers[n] = config.RootFS.DiffIDs
	}
	for _, n := range []string{"docker.io/kubarium/web:1.0", "docker.io/kubarium/web:3.0"} {
		if shared := layers["docker.io/kubarium/toolbox:1.0"]; !reflect.DeepEqual(layers[n], shared) {
			t.Errorf("%s does not share the layers of toolbox", n)
		}
	}
}

// files are the names of all files of an image.
func files(t *testing.T, image v1.Image) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	archive := mutate.Extract(image)
	defer archive.Close()
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names["/"+header.Name] = true
	}
}

func TestTheToolboxHasTheUsualCommands(t *testing.T) {
	r, _ := open(t)
	image, err := layout.Path(r.dir).Image(r.images["docker.io/kubarium/toolbox:1.0"].Digest)
	if err != nil {
		t.Fatal(err)
	}
	have := files(t, image)
	for _, command := range []string{
		"/bin/sh", "/bin/bash", "/bin/ls", "/bin/cat", "/bin/ps", "/bin/vi", "/bin/grep", "/bin/sed", "/bin/tar", "/bin/ping",
		"/usr/bin/top", "/usr/bin/wget", "/usr/bin/nc", "/usr/bin/awk", "/usr/bin/traceroute", "/sbin/ip",
		"/usr/local/bin/nslookup", "/usr/local/bin/toolbox", "/etc/passwd", "/tmp",
	} {
		if !have[command] {
			t.Errorf("there is no %s", command)
		}
	}
}

func TestASecondStartKeepsWhatIsThere(t *testing.T) {
	r, _ := open(t)
	loaded := map[string]v1.Image{"shop:1": randomImage(t), "kubarium/web:1.0": randomImage(t)}
	if _, err := r.Load(t.Context(), bytes.NewReader(dockerArchive(t, loaded))); err != nil {
		t.Fatal(err)
	}
	first, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), r.dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.List()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("after a start there are %+v, were %+v", second, first)
	}
}

// What an older program bundled is replaced by what this one does.
func TestBundledImagesAreBroughtUpToDate(t *testing.T) {
	r, _ := open(t)
	const n = "docker.io/kubarium/web:1.0"
	want := r.images[n].Digest
	old := r.images["docker.io/kubarium/web:2.0"]
	old.Annotations = map[string]string{refName: n}
	r.images[n] = old
	if err := r.save(r.images); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.images[n].Digest; got != want {
		t.Errorf("%s is %s, want %s", n, got, want)
	}
}

func TestAStartRemovesWhatAnInterruptedLoadLeft(t *testing.T) {
	r, _ := open(t)
	left := filepath.Join(r.dir, ".load-123", "files")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), r.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", left, err)
	}
}
