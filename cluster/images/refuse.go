package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
)

// RefuseAll is a name that stands for all images.
const RefuseAll = "all"

// Refuse has pulls of an image refused until allow is called. Other images, even of the
// same repository, are served.
func (r *Registry) Refuse(image string) (allow func(), err error) {
	full := image
	if image != RefuseAll {
		tag, err := name.NewTag(image)
		if err != nil {
			return nil, fmt.Errorf("read image name: %w", err)
		}
		full = fullName(tag)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.images[full]; !have && image != RefuseAll {
		return nil, fmt.Errorf("the cluster's registry has no image %s, and others cannot be made to refuse it: see 'kubarium image ls'", full)
	}
	if r.refused == nil {
		r.refused = make(map[string]bool)
	}
	r.refused[full] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.refused, full)
	}, nil
}

// refuses reports whether the image that a pull means is refused now.
func (r *Registry) refuses(repository, reference string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.refused[RefuseAll] || r.refused[repository+":"+reference] {
		return true
	}
	for full := range r.refused {
		tag, err := name.NewTag(full)
		if err == nil && fullRepository(tag.Repository) == repository && r.images[full].Digest.String() == reference {
			return true
		}
	}
	return false
}
