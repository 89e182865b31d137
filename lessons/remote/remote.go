// Package remote opens courses that are not built in: a folder, or an artifact of an OCI
// registry. Both are somebody else's: they are bounded, and nothing in them leads out.
package remote

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	// maxFile, maxTotal and maxFiles bound what a registry may send.
	maxFile  = 1 << 20
	maxTotal = 32 << 20
	maxFiles = 4096
	patience = 2 * time.Minute
)

// scheme marks the name of an artifact.
const scheme = "oci://"

// Open opens a course: a folder, or oci://REF, an artifact whose layers are tar archives.
func Open(ctx context.Context, where string) (fs.FS, error) {
	if ref, ok := strings.CutPrefix(where, scheme); ok {
		return pull(ctx, ref)
	}
	// A Root lets no link lead out of it.
	root, err := os.OpenRoot(where)
	if err != nil {
		return nil, fmt.Errorf("open course: %w", err)
	}
	return root.FS(), nil
}

func pull(ctx context.Context, ref string) (fs.FS, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, fmt.Errorf("name of the course: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	image, err := remote.Image(parsed, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("pull course: %w", err)
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, fmt.Errorf("pull course: %w", err)
	}
	return unpack(layers)
}

// unpack reads the layers into memory: a later one replaces files of an earlier one.
func unpack(layers []v1.Layer) (fs.FS, error) {
	content := map[string][]byte{}
	left := int64(maxTotal)
	for _, layer := range layers {
		if err := unpackLayer(layer, content, &left); err != nil {
			return nil, fmt.Errorf("unpack course: %w", err)
		}
	}
	return courseIn(content)
}

func unpackLayer(layer v1.Layer, content map[string][]byte, left *int64) error {
	packed, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer packed.Close()
	// What is left over ends the archive, however it was packed.
	reader := tar.NewReader(io.LimitReader(packed, 2*maxTotal))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		file := path.Clean(strings.TrimSuffix(header.Name, "/"))
		if !fs.ValidPath(file) || strings.Contains(file, `\`) {
			return fmt.Errorf("%q leads out of the course", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("%s is neither a file nor a folder; a course has no links", file)
		}
		if header.Size > maxFile || header.Size > *left || len(content) >= maxFiles {
			return fmt.Errorf("%s: a course has %d files at most, of %d MiB each and %d MiB together", file, maxFiles, maxFile>>20, maxTotal>>20)
		}
		*left -= header.Size
		if content[file], err = io.ReadAll(io.LimitReader(reader, maxFile)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

// courseIn finds the folder of course.yaml, and makes a file system of what is in it.
func courseIn(content map[string][]byte) (fs.FS, error) {
	root, found := "", false
	for file := range content {
		if dir := path.Dir(file); path.Base(file) == "course.yaml" && (!found || len(dir) < len(root)) {
			root, found = dir, true
		}
	}
	if !found {
		return nil, errors.New("unpack course: there is no course.yaml in it")
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for file, data := range content {
		inner, ok := file, true
		if root != "." {
			inner, ok = strings.CutPrefix(file, root+"/")
		}
		if !ok {
			continue
		}
		out, err := w.CreateHeader(&zip.FileHeader{Name: inner})
		if err == nil {
			_, err = out.Write(data)
		}
		if err != nil {
			return nil, fmt.Errorf("unpack course: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("unpack course: %w", err)
	}
	files, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		return nil, fmt.Errorf("unpack course: %w", err)
	}
	return files, nil
}
