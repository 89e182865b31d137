package images

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
)

// errNotAnArchive is returned for input that holds no images.
var errNotAnArchive = errors.New("this is no image archive: make one with 'docker save IMAGE' or 'skopeo copy ... oci-archive:FILE'")

// loaded is one image of an archive.
type loaded struct {
	tag   name.Tag
	image v1.Image
}

// Load adds the images of an archive (docker save or OCI layout; plain, gzip or zstd)
// and returns their names. If any of them can't be read, none is added.
func (r *Registry) Load(ctx context.Context, archive io.Reader) ([]string, error) {
	dir, err := os.MkdirTemp(r.dir, ".load-*")
	if err != nil {
		return nil, fmt.Errorf("make room for the archive: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := extract(ctx, archive, dir); err != nil {
		return nil, err
	}
	images, err := readArchive(dir)
	if err != nil {
		return nil, err
	}
	// All of it is read before any of it is added.
	for _, l := range images {
		if err := validate(l.image); err != nil {
			return nil, fmt.Errorf("read image %s: %w", l.tag, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, l := range images {
		n := repository(l.tag.Repository) + ":" + l.tag.TagStr()
		if err := r.add(n, l.image); err != nil {
			return names, err
		}
		names = append(names, n)
	}
	return names, nil
}

func (r *Registry) add(n string, image v1.Image) error {
	if err := r.layout.WriteImage(image); err != nil {
		return fmt.Errorf("write image %s: %w", n, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("write image %s: %w", n, err)
	}
	size, err := image.Size()
	if err != nil {
		return fmt.Errorf("write image %s: %w", n, err)
	}
	mediaType, err := image.MediaType()
	if err != nil {
		return fmt.Errorf("write image %s: %w", n, err)
	}
	d := v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size, Annotations: map[string]string{refName: n}}
	if err := r.replace(n, d); err != nil {
		return err
	}
	delete(r.bundled, n)
	return r.publish(d)
}

// validate reads the whole image, so that a torn archive is found out.
func validate(image v1.Image) error {
	if _, err := image.ConfigFile(); err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

func readArchive(dir string) ([]loaded, error) {
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil {
		return readDockerArchive(dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		return readLayout(dir)
	}
	return nil, errNotAnArchive
}

func readDockerArchive(dir string) ([]loaded, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, archiveName)) }
	manifest, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	var images []loaded
	for _, d := range manifest {
		for _, repoTag := range d.RepoTags {
			tag, err := name.NewTag(repoTag)
			if err != nil {
				return nil, fmt.Errorf("parse image name: %w", err)
			}
			image, err := tarball.Image(opener, &tag)
			if err != nil {
				return nil, fmt.Errorf("read image %s: %w", repoTag, err)
			}
			images = append(images, loaded{tag, image})
		}
	}
	if len(images) == 0 {
		return nil, errors.New("the images in the archive have no names: save them by name, not by ID")
	}
	return images, nil
}

func readLayout(dir string) ([]loaded, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	var images []loaded
	for _, d := range manifest.Manifests {
		n := d.Annotations["io.containerd.image.name"]
		if n == "" {
			n = d.Annotations[refName]
		}
		tag, err := name.NewTag(n)
		if err != nil {
			return nil, fmt.Errorf("parse image name: %w", err)
		}
		image, err := pick(index, d)
		if err != nil {
			return nil, fmt.Errorf("read image %s: %w", n, err)
		}
		images = append(images, loaded{tag, image})
	}
	if len(images) == 0 {
		return nil, errNotAnArchive
	}
	return images, nil
}

// pick returns the image of a descriptor: of several, the one for this machine.
func pick(index v1.ImageIndex, d v1.Descriptor) (v1.Image, error) {
	if d.MediaType.IsImage() {
		return index.Image(d.Digest)
	}
	inner, err := index.ImageIndex(d.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := inner.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, child := range manifest.Manifests {
		if child.Platform != nil && child.Platform.OS == "linux" && child.Platform.Architecture == runtime.GOARCH {
			return inner.Image(child.Digest)
		}
	}
	return nil, fmt.Errorf("it has no image for linux/%s", runtime.GOARCH)
}

// archiveName is the uncompressed archive itself, which one library wants whole.
const archiveName = "archive.tar"

// extract writes the archive, uncompressed, and the files in it, into dir.
func extract(ctx context.Context, archive io.Reader, dir string) error {
	plain, err := decompress(archive)
	if err != nil {
		return err
	}
	whole, err := os.Create(filepath.Join(dir, archiveName))
	if err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	defer whole.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	defer root.Close()
	reader := tar.NewReader(io.TeeReader(plain, whole))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			// What follows the last file belongs to the archive too.
			_, err := io.Copy(whole, plain)
			return err
		}
		if errors.Is(err, tar.ErrHeader) {
			return errNotAnArchive
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := extractFile(root, header.Name, reader); err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
	}
}

// extractFile writes below root only, whatever the name says.
func extractFile(root *os.Root, file string, content io.Reader) error {
	file = filepath.Clean(strings.TrimPrefix(file, "/"))
	if err := root.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	out, err := root.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, out.Close())
}

func decompress(archive io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(archive)
	magic, err := buffered.Peek(4)
	if err != nil {
		return nil, errNotAnArchive
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		reader, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return reader, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		reader, err := zstd.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return reader.IOReadCloser(), nil
	default:
		return buffered, nil
	}
}
