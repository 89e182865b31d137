package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(20_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// zstdImage has its layer as new tools compress them.
func zstdImage(t *testing.T) v1.Image {
	t.Helper()
	layers, err := randomImage(t).Layers()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(layers[0].Uncompressed,
		tarball.WithCompression(compression.ZStd), tarball.WithMediaType(types.OCILayerZStd))
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// otherLayer is an image whose layer is none that its configuration tells of: a node
// would pull it and then fail to unpack it.
func otherLayer(t *testing.T) v1.Image {
	t.Helper()
	image := randomImage(t)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0] = config.RootFS.DiffIDs[1]
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return image
}

// dockerArchive is what "docker save" writes for images of these names.
func dockerArchive(t *testing.T, images map[string]v1.Image) []byte {
	t.Helper()
	tags := make(map[name.Tag]v1.Image)
	for n, image := range images {
		tag, err := name.NewTag(n)
		if err != nil {
			t.Fatal(err)
		}
		tags[tag] = image
	}
	var archive bytes.Buffer
	if err := tarball.MultiWrite(tags, &archive); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// ociLayout is what "skopeo copy ... oci:DIR" writes.
func ociLayout(t *testing.T, n string, image v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	annotations := map[string]string{}
	if n != "" {
		annotations[refName] = n
	}
	if err := path.AppendImage(image, layout.WithAnnotations(annotations)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func tarOf(t *testing.T, dir string) []byte {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	if err := errors.Join(writer.AddFS(os.DirFS(dir)), writer.Close()); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// content is every file below dir, by name.
func content(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files := make(map[string]int64)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		files[path] = info.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestLoadedImagesCanBePulled(t *testing.T) {
	compress := func(data []byte, writer func(io.Writer) io.WriteCloser) []byte {
		var out bytes.Buffer
		w := writer(&out)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, c := range []struct {
		label, name, want string
		archive           func(n string, image v1.Image) []byte
	}{
		{"docker", "shop", "docker.io/library/shop:latest", func(n string, i v1.Image) []byte {
			return dockerArchive(t, map[string]v1.Image{n: i})
		}},
		{"docker, a user's", "me/shop:2", "docker.io/me/shop:2", func(n string, i v1.Image) []byte {
			return dockerArchive(t, map[string]v1.Image{n: i})
		}},
		{"podman", "localhost/shop:1", "localhost/shop:1", func(n string, i v1.Image) []byte {
			return dockerArchive(t, map[string]v1.Image{n: i})
		}},
		{"gzip", "registry.example:5000/shop:1", "registry.example:5000/shop:1", func(n string, i v1.Image) []byte {
			return compress(dockerArchive(t, map[string]v1.Image{n: i}), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
		}},
		{"OCI", "quay.io/me/shop:1", "quay.io/me/shop:1", func(n string, i v1.Image) []byte {
			return tarOf(t, ociLayout(t, n, i))
		}},
		{"OCI, zstd", "docker.io/library/shop:1", "docker.io/library/shop:1", func(n string, i v1.Image) []byte {
			return compress(tarOf(t, ociLayout(t, n, i)), func(w io.Writer) io.WriteCloser {
				writer, err := zstd.NewWriter(w)
				if err != nil {
					t.Fatal(err)
				}
				return writer
			})
		}},
		{"layers in zstd", "shop:1", "docker.io/library/shop:1", func(n string, _ v1.Image) []byte {
			return tarOf(t, ociLayout(t, n, zstdImage(t)))
		}},
	} {
		t.Run(c.label, func(t *testing.T) {
			r, server := open(t)
			names, err := r.Load(t.Context(), bytes.NewReader(c.archive(c.name, randomImage(t))))
			if err != nil || !reflect.DeepEqual(names, []string{c.want}) {
				t.Fatalf("loaded %q, %v; want %q", names, err, c.want)
			}
			_, d, err := node(server).Resolve(t.Context(), c.want)
			if err != nil {
				t.Fatal(err)
			}
			fetch(t, server, c.want, d, 0)
			list, err := r.List()
			if err != nil {
				t.Fatal(err)
			}
			for _, image := range list {
				if image.Bundled == (image.Name == c.want) {
					t.Errorf("%s: bundled %t", image.Name, image.Bundled)
				}
			}
		})
	}
}

// damage changes one byte of the largest file below dir, which is a layer.
func damage(t *testing.T, dir string) {
	t.Helper()
	var largest string
	files := content(t, dir)
	for file, size := range files {
		if largest == "" || size > files[largest] {
			largest = file
		}
	}
	data, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(largest, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// respell changes a JSON file, but not what it says.
func respell(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestABadArchiveChangesNothing(t *testing.T) {
	good := dockerArchive(t, map[string]v1.Image{"shop:1": randomImage(t)})
	damaged := ociLayout(t, "shop:1", randomImage(t))
	damage(t, damaged)
	swapped := ociLayout(t, "shop:1", otherLayer(t))
	configured := randomImage(t)
	respelled := ociLayout(t, "shop:1", configured)
	config, err := configured.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	respell(t, filepath.Join(respelled, "blobs", config.Algorithm, config.Hex))
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "README"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for label, c := range map[string]struct {
		archive []byte
		message string
	}{
		"nothing":           {nil, "no image archive"},
		"a word":            {[]byte("hello"), "no image archive"},
		"a text":            {bytes.Repeat([]byte("hello, world\n"), 1000), "no image archive"},
		"a tar of no image": {tarOf(t, other), "no image archive"},
		"a torn archive":    {good[:len(good)/2], "unexpected EOF"},
		"a damaged layer":   {tarOf(t, damaged), "is damaged"},
		"another layer":     {tarOf(t, swapped), "damaged"},
		"another config":    {tarOf(t, respelled), "configuration"},
		"no name":           {tarOf(t, ociLayout(t, "", randomImage(t))), "no name"},
		"no proper name":    {tarOf(t, ociLayout(t, "SHOP//1", randomImage(t))), "image name"},
	} {
		t.Run(label, func(t *testing.T) {
			r, _ := open(t)
			before := content(t, r.dir)
			names, err := r.Load(t.Context(), bytes.NewReader(c.archive))
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("loaded %q, error %v; want one with %q", names, err, c.message)
			}
			if after := content(t, r.dir); !reflect.DeepEqual(after, before) {
				t.Errorf("the store was changed: %v, was %v", after, before)
			}
		})
	}
}

func TestAnArchiveIsLoadedWholeOrNotAtAll(t *testing.T) {
	r, _ := open(t)
	dir := ociLayout(t, "shop:1", randomImage(t))
	good, bad := randomImage(t), randomImage(t)
	for n, image := range map[string]v1.Image{"good:1": good, "bad:1": bad} {
		if err := layout.Path(dir).AppendImage(image, layout.WithAnnotations(map[string]string{refName: n})); err != nil {
			t.Fatal(err)
		}
	}
	layers, err := bad.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "blobs", digest.Algorithm, digest.Hex)); err != nil {
		t.Fatal(err)
	}
	before := content(t, r.dir)
	if names, err := r.Load(t.Context(), bytes.NewReader(tarOf(t, dir))); err == nil {
		t.Errorf("loaded %q of an archive that lacks a layer", names)
	}
	if after := content(t, r.dir); !reflect.DeepEqual(after, before) {
		t.Errorf("the store was changed: %v, was %v", after, before)
	}
}

func TestALoadEndsWithItsContext(t *testing.T) {
	r, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	archive := dockerArchive(t, map[string]v1.Image{"shop:1": randomImage(t)})
	if _, err := r.Load(ctx, bytes.NewReader(archive)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// A name in an archive may not lead out of the directory that it is unpacked to.
func TestAnArchiveStaysInItsPlace(t *testing.T) {
	r, _ := open(t)
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	evil := []byte("evil")
	if err := writer.WriteHeader(&tar.Header{Name: "../../index.json", Size: int64(len(evil)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(evil); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	before := content(t, r.dir)
	if _, err := r.Load(t.Context(), &archive); err == nil {
		t.Error("such an archive was loaded")
	}
	if after := content(t, r.dir); !reflect.DeepEqual(after, before) {
		t.Errorf("the store was changed: %v, was %v", after, before)
	}
}
