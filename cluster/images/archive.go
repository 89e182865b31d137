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
var errNotAnArchive = errors.New("this is no image archive: make one with 'docker save IMAGE' or 'skopeo copy ... oci-archive:FILE:NAME'")

// errNoNames is returned for an archive whose images can't be asked for.
var errNoNames = errors.New("an image in the archive has no name: save it by name, not by ID")

// named is one image of an archive.
type named struct {
	tag   name.Tag
	image v1.Image
}

func readArchive(dir string) ([]named, error) {
	files := filepath.Join(dir, filesName)
	if _, err := os.Stat(filepath.Join(files, "manifest.json")); err == nil {
		return readDockerArchive(filepath.Join(dir, archiveName))
	}
	if _, err := os.Stat(filepath.Join(files, "index.json")); err == nil {
		return readLayout(files)
	}
	return nil, errNotAnArchive
}

func readDockerArchive(file string) ([]named, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(file) }
	manifest, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	var images []named
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
			images = append(images, named{tag, image})
		}
	}
	if len(images) == 0 {
		return nil, errNoNames
	}
	return images, nil
}

func readLayout(dir string) ([]named, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	var images []named
	for _, d := range manifest.Manifests {
		n := d.Annotations["io.containerd.image.name"]
		if n == "" {
			n = d.Annotations[refName]
		}
		if n == "" {
			return nil, errNoNames
		}
		tag, err := name.NewTag(n)
		if err != nil {
			return nil, fmt.Errorf("parse image name: %w", err)
		}
		image, err := pick(index, d)
		if err != nil {
			return nil, fmt.Errorf("read image %s: %w", n, err)
		}
		images = append(images, named{tag, image})
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

// What extract makes: the uncompressed archive itself, which one library wants whole,
// and a directory of the files in it.
const (
	archiveName = "archive.tar"
	filesName   = "files"
)

// extract writes the archive, uncompressed, and the files in it, into dir.
func extract(ctx context.Context, archive io.Reader, dir string) error {
	plain, err := decompress(&cancelled{ctx, archive})
	if err != nil {
		return err
	}
	whole, err := os.Create(filepath.Join(dir, archiveName))
	if err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	defer whole.Close()
	files := filepath.Join(dir, filesName)
	if err := os.Mkdir(files, 0o700); err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	root, err := os.OpenRoot(files)
	if err != nil {
		return fmt.Errorf("make room for the archive: %w", err)
	}
	defer root.Close()
	reader := tar.NewReader(io.TeeReader(plain, whole))
	for first := true; ; first = false {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			// What follows the last file belongs to the archive too.
			if _, err := io.Copy(whole, plain); err != nil {
				return fmt.Errorf("read archive: %w", err)
			}
			return nil
		}
		if first && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return errNotAnArchive
		}
		if err != nil {
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

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx    context.Context
	source io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.source.Read(p)
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
	if errors.Is(err, io.EOF) {
		return nil, errNotAnArchive
	}
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		reader, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return reader, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		// One thread: it ends with the reading, and needs no closing.
		reader, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return reader.IOReadCloser(), nil
	default:
		return buffered, nil
	}
}
