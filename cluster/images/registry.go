// Package images is the cluster's image registry: it serves the bundled images, and
// those that a learner loads, to the nodes, which pull from it as from any other.
//
// The images lie in an OCI image layout on disk. Only the layout's index, a line or two
// for each image, is held in memory.
package images

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"kubarium/assets"
	"kubarium/cluster/wholefile"
)

// Annotations in the layout's index.
const (
	// refName holds an image's name, as the specification of layouts has it.
	refName = "org.opencontainers.image.ref.name"
	// loadedMark says that the image was loaded: a bundled one of the same name does
	// not take its place at the next start.
	loadedMark = "kubarium/loaded"
)

// Image is one name in the registry.
type Image struct {
	// Name is complete: "docker.io/kubarium/web:1.0".
	Name   string
	Digest string
	// Size is what a pull transfers, in bytes.
	Size int64
	// Bundled images came with the program.
	Bundled bool
}

// Registry holds the images of one cluster.
type Registry struct {
	dir string

	// mu guards images, refused, and changes of the index on disk.
	mu sync.RWMutex
	// images are the manifests by the images' complete names.
	images map[string]v1.Descriptor
	// refused are the complete names of images that are not served.
	refused map[string]bool
}

// Open opens the registry in dir, and brings the bundled images up to date in it.
func Open(ctx context.Context, dir string) (*Registry, error) {
	bundled, err := assets.UnpackImages(ctx, dir)
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir}
	r.sweep()
	if r.images, err = r.readIndex(); err != nil {
		return nil, err
	}
	changed, err := r.adopt(bundled)
	if err != nil || !changed {
		return r, err
	}
	return r, r.save(r.images)
}

// sweep removes what a load left that was cut off by the end of the program.
func (r *Registry) sweep() {
	leftovers, err := filepath.Glob(filepath.Join(r.dir, loadPattern))
	if err != nil {
		return
	}
	for _, dir := range leftovers {
		// What can't be removed is in nobody's way.
		_ = os.RemoveAll(dir)
	}
}

func (r *Registry) readIndex() (map[string]v1.Descriptor, error) {
	images := make(map[string]v1.Descriptor)
	file, err := os.Open(filepath.Join(r.dir, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return images, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read image index: %w", err)
	}
	defer file.Close()
	index, err := v1.ParseIndexManifest(file)
	if err != nil {
		return nil, fmt.Errorf("parse image index: %w", err)
	}
	for _, d := range index.Manifests {
		images[d.Annotations[refName]] = d
	}
	return images, nil
}

// adopt takes in the bundled images, and reports whether that changed anything.
func (r *Registry) adopt(index []byte) (bool, error) {
	bundled, err := v1.ParseIndexManifest(strings.NewReader(string(index)))
	if err != nil {
		return false, fmt.Errorf("parse index of bundled images: %w", err)
	}
	changed := len(r.images) == 0
	for _, d := range bundled.Manifests {
		n := d.Annotations[refName]
		have, ok := r.images[n]
		if ok && (have.Digest == d.Digest || isLoaded(have)) {
			continue
		}
		r.images[n] = d
		changed = true
	}
	return changed, nil
}

func isLoaded(d v1.Descriptor) bool { return d.Annotations[loadedMark] != "" }

// save makes images the layout's index: on disk first and as a whole, so that neither
// a crash nor a full disk leaves half of it.
func (r *Registry) save(images map[string]v1.Descriptor) error {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, n := range slices.Sorted(maps.Keys(images)) {
		index.Manifests = append(index.Manifests, images[n])
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return fmt.Errorf("encode image index: %w", err)
	}
	// The marker that makes the directory an image layout to other tools.
	if err := layout.Path(r.dir).WriteFile("oci-layout", []byte(`{"imageLayoutVersion": "1.0.0"}`), 0o600); err != nil {
		return fmt.Errorf("write image layout: %w", err)
	}
	if err := wholefile.Write(filepath.Join(r.dir, "index.json"), 0o600, data); err != nil {
		return fmt.Errorf("write image index: %w", err)
	}
	r.images = images
	return nil
}

// fullName is an image's name with its registry in front, as nodes ask for it. Docker
// Hub is called docker.io, as containerd calls it.
func fullName(tag name.Tag) string {
	return fullRepository(tag.Repository) + ":" + tag.TagStr()
}

func fullRepository(r name.Repository) string {
	host := r.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	return host + "/" + r.RepositoryStr()
}

// blobPath is where the layout keeps what has a digest.
func (r *Registry) blobPath(h v1.Hash) string {
	return filepath.Join(r.dir, "blobs", h.Algorithm, h.Hex)
}

// List returns all images by name.
func (r *Registry) List() ([]Image, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	images := make([]Image, 0, len(r.images))
	for n, d := range r.images {
		size, err := r.size(d)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", n, err)
		}
		images = append(images, Image{Name: n, Digest: d.Digest.String(), Size: size, Bundled: !isLoaded(d)})
	}
	slices.SortFunc(images, func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
	return images, nil
}

func (r *Registry) size(d v1.Descriptor) (int64, error) {
	data, err := os.ReadFile(r.blobPath(d.Digest))
	if err != nil {
		return 0, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return 0, err
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	return size, nil
}
