package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestRollout proves that a new version's answers replace the old one's, and that the
// old one can be had back.
func TestRollout(t *testing.T) {
	ns := shared.namespace(t)
	shared.runOn(t, ns, "client", "node-1", "kubarium/toolbox:1.0")
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=2")
	shared.kubectl(t, "-n", ns, "expose", "deployment", "web", "--port=80", "--target-port=8080")
	answers := func(version string) {
		t.Helper()
		shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=80s")
		eventually(t, "version "+version, func(context.Context) error {
			out, _ := shared.try(t, "kubectl", "-n", ns, "exec", "client", "--", "sh", "-c", "for i in 1 2 3 4 5 6; do wget -qO- http://web; done")
			if strings.Count(out, "version "+version) != 6 {
				return fmt.Errorf("answers: %s", out)
			}
			return nil
		})
	}
	answers("1.0")
	shared.kubectl(t, "-n", ns, "set", "image", "deployment/web", "web=kubarium/web:2.0")
	answers("2.0")
	shared.kubectl(t, "-n", ns, "rollout", "undo", "deployment/web")
	answers("1.0")
}

// TestImageLoad runs pods from images that are made here, in both forms of archive.
func TestImageLoad(t *testing.T) {
	ns := shared.namespace(t)
	program := buildGuest(t)
	for _, form := range []struct {
		name  string
		write func(t *testing.T, path, ref string, image v1.Image)
		load  func(t *testing.T, path, ref string)
	}{{"docker", writeDockerArchive, loadFile}, {"oci", writeOCIArchive, loadInput}} {
		t.Run(form.name, func(t *testing.T) {
			ref := fmt.Sprintf("example.com/loaded/%s:1", form.name)
			archive := filepath.Join(t.TempDir(), "image.tar")
			form.write(t, archive, ref, imageOf(t, program))
			form.load(t, archive, ref)
			if out := shared.kubarium(t, "image", "ls"); !strings.Contains(out, ref) {
				t.Errorf("image ls does not list %s:\n%s", ref, out)
			}
			// It finds no certificate, and says so: proof that it is this very program that ran.
			shared.kubectl(t, "-n", ns, "run", form.name, "--image="+ref, "--restart=Never")
			eventually(t, "words of the loaded program", func(context.Context) error {
				out, _ := shared.try(t, "kubectl", "-n", ns, "logs", form.name)
				if !strings.Contains(out, "guest listens on :8443") || !strings.Contains(out, "open /tls/tls.crt") {
					return fmt.Errorf("log: %s", out)
				}
				return nil
			})
		})
	}
}

func loadFile(t *testing.T, path, ref string) {
	t.Helper()
	if out := shared.kubarium(t, "image", "load", path); !strings.Contains(out, ref) {
		t.Errorf("image load says %q", out)
	}
}

// loadInput is "docker save | kubarium image load -".
func loadInput(t *testing.T, path, ref string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := shared.command(bounded(t), "image", "load", "-")
	cmd.Stdin = file
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), ref) {
		t.Errorf("image load -: %v, %s", err, out)
	}
}

// buildGuest compiles the guest, and returns its path.
func buildGuest(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guest")
	cmd := exec.CommandContext(bounded(t), "go", "build", "-ldflags", "-s -w", "-o", path, "./guest")
	// The image holds nothing else: no libraries.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the guest: %v\n%s", err, out)
	}
	return path
}

// imageOf makes an image that holds one program and runs it.
func imageOf(t *testing.T, program string) v1.Image {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	err = archive.WriteHeader(&tar.Header{Name: "guest", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
	if err == nil {
		_, err = archive.Write(content)
	}
	if err != nil || archive.Close() != nil {
		t.Fatalf("write layer: %v", err)
	}
	path := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(path, buffer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.Entrypoint = "linux", runtime.GOARCH, []string{"/guest"}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	return image
}

// writeDockerArchive writes what "docker save" does.
func writeDockerArchive(t *testing.T, path, ref string, image v1.Image) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		t.Fatal(err)
	}
}

// writeOCIArchive writes an OCI image layout, as one file.
func writeOCIArchive(t *testing.T, path, ref string, image v1.Image) {
	t.Helper()
	dir := t.TempDir()
	oci, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := oci.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref})); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := tar.NewWriter(file)
	if err := archive.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}
