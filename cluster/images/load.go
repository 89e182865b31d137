package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// loadPattern names the directories in which archives are unpacked.
const loadPattern = ".load-*"

// Load adds the images of an archive (docker save or OCI layout; plain, gzip or zstd)
// and returns their names. If any of them can't be read, none is added.
func (r *Registry) Load(ctx context.Context, archive io.Reader) ([]string, error) {
	dir, err := os.MkdirTemp(r.dir, loadPattern)
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
	// All of it is read before any of it is added. Blobs are shared by all images: one
	// that is not what its digest says would spoil others too.
	for _, i := range images {
		if err := errors.Join(ctx.Err(), check(i.image)); err != nil {
			return nil, fmt.Errorf("check image %s: %w", i.tag, err)
		}
	}
	return r.add(ctx, images)
}

// add stores the images, and makes them known all at once. Nodes go on pulling
// meanwhile.
func (r *Registry) add(ctx context.Context, images []named) ([]string, error) {
	added := make(map[string]v1.Descriptor)
	var names []string
	for _, i := range images {
		n := fullName(i.tag)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("write image %s: %w", n, err)
		}
		d, err := r.store(i.image)
		if err != nil {
			return nil, fmt.Errorf("write image %s: %w", n, err)
		}
		d.Annotations = map[string]string{refName: n, loadedMark: "true"}
		added[n] = d
		names = append(names, n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	index := maps.Clone(r.images)
	maps.Copy(index, added)
	if err := r.save(index); err != nil {
		return nil, err
	}
	return names, nil
}

// store writes an image's blobs, which nothing refers to yet.
func (r *Registry) store(image v1.Image) (v1.Descriptor, error) {
	if err := layout.Path(r.dir).WriteImage(image); err != nil {
		return v1.Descriptor{}, err
	}
	d, err := partial.Descriptor(image)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, nil
}
