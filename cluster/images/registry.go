// Package images is the cluster's image registry: it serves the bundled images, and
// those that a learner loads, to the nodes, which pull from it as from any other.
//
// The images lie in an OCI image layout on disk. Only manifests, a few kilobytes each,
// are held in memory.
package images

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"kubarium/assets"
)

// refName is the annotation that holds an image's name in a layout's index.
const refName = "org.opencontainers.image.ref.name"

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
	dir     string
	layout  layout.Path
	handler http.Handler
	bundled map[string]bool

	// mu guards changes of the layout.
	mu sync.Mutex
}

// Open opens the registry in dir, and brings the bundled images up to date in it.
func Open(ctx context.Context, dir string) (*Registry, error) {
	bundled, err := assets.UnpackImages(ctx, dir)
	if err != nil {
		return nil, err
	}
	path, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return nil, fmt.Errorf("open image layout: %w", err)
	}
	r := &Registry{
		dir: dir, layout: path, bundled: make(map[string]bool),
		handler: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(filepath.Join(dir, "blobs"))),
			registry.Logger(log.New(silent{}, "", 0)),
		),
	}
	if err := r.adopt(bundled); err != nil {
		return nil, err
	}
	return r, r.publishAll()
}

// silent drops the log of the registry library, which tells of every request.
type silent struct{}

func (silent) Write(p []byte) (int, error) { return len(p), nil }

// adopt puts the bundled images into the layout's index.
func (r *Registry) adopt(index []byte) error {
	bundled, err := v1.ParseIndexManifest(strings.NewReader(string(index)))
	if err != nil {
		return fmt.Errorf("parse index of bundled images: %w", err)
	}
	current, err := r.index()
	if err != nil {
		return err
	}
	have := make(map[string]v1.Hash)
	for _, d := range current.Manifests {
		have[d.Annotations[refName]] = d.Digest
	}
	for _, d := range bundled.Manifests {
		n := d.Annotations[refName]
		r.bundled[n] = true
		if have[n] == d.Digest {
			continue
		}
		if err := r.replace(n, d); err != nil {
			return err
		}
	}
	return nil
}

// replace makes a name mean another image.
func (r *Registry) replace(image string, d v1.Descriptor) error {
	named := func(other v1.Descriptor) bool { return other.Annotations[refName] == image }
	if err := r.layout.RemoveDescriptors(named); err != nil {
		return fmt.Errorf("replace image %s: %w", image, err)
	}
	if err := r.layout.AppendDescriptor(d); err != nil {
		return fmt.Errorf("add image %s: %w", image, err)
	}
	return nil
}

func (r *Registry) index() (*v1.IndexManifest, error) {
	index, err := r.layout.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("read image index: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("parse image index: %w", err)
	}
	return manifest, nil
}

func (r *Registry) publishAll() error {
	index, err := r.index()
	if err != nil {
		return err
	}
	for _, d := range index.Manifests {
		if err := r.publish(d); err != nil {
			return err
		}
	}
	return nil
}

// publish makes an image of the layout known to the registry library, whose way to
// learn of one is a push.
func (r *Registry) publish(d v1.Descriptor) error {
	reference, err := name.NewTag(d.Annotations[refName])
	if err != nil {
		return fmt.Errorf("parse image name: %w", err)
	}
	manifest, err := os.Open(filepath.Join(r.dir, "blobs", d.Digest.Algorithm, d.Digest.Hex))
	if err != nil {
		return fmt.Errorf("read manifest of %s: %w", reference, err)
	}
	defer manifest.Close()
	request, err := http.NewRequest(http.MethodPut, "/v2/"+repository(reference.Repository)+"/manifests/"+reference.TagStr(), manifest)
	if err != nil {
		return fmt.Errorf("publish %s: %w", reference, err)
	}
	request.Header.Set("Content-Type", string(d.MediaType))
	answer := &statusOnly{header: make(http.Header)}
	r.handler.ServeHTTP(answer, request)
	if answer.status != http.StatusCreated {
		return fmt.Errorf("publish %s: %s", reference, http.StatusText(answer.status))
	}
	return nil
}

// repository is an image's path in this registry: the registry that it names, then its
// path there. Docker Hub is called docker.io, as containerd calls it.
func repository(r name.Repository) string {
	host := r.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	return host + "/" + r.RepositoryStr()
}

// statusOnly is a response of which only the status matters.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }

// Handler serves pulls, and refuses pushes. A mirror's request says in ?ns= which
// registry it stands for.
func (r *Registry) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			http.Error(w, "this registry takes no pushes: use 'kubarium image load'", http.StatusMethodNotAllowed)
			return
		}
		if ns := request.URL.Query().Get("ns"); ns != "" {
			if rest, ok := strings.CutPrefix(request.URL.Path, "/v2/"); ok && rest != "" {
				request = request.Clone(request.Context())
				request.URL.Path = "/v2/" + ns + "/" + rest
			}
		}
		r.handler.ServeHTTP(w, request)
	})
}

// List returns all images by name.
func (r *Registry) List() ([]Image, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	index, err := r.index()
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(index.Manifests))
	for _, d := range index.Manifests {
		n := d.Annotations[refName]
		size, err := r.size(d)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", n, err)
		}
		images = append(images, Image{Name: n, Digest: d.Digest.String(), Size: size, Bundled: r.bundled[n]})
	}
	slices.SortFunc(images, func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
	return images, nil
}

func (r *Registry) size(d v1.Descriptor) (int64, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, "blobs", d.Digest.Algorithm, d.Digest.Hex))
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
