package images

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// refusal is an answer in the words of the OCI distribution specification: nodes show
// its message in the events of a pod.
type refusal struct {
	status        int
	code, message string
}

func (f refusal) write(w http.ResponseWriter) {
	type item struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(map[string][]item{"errors": {{f.code, f.message}}})
}

// Handler serves pulls, and refuses pushes. A mirror's request says in ?ns= which
// registry it stands for; one without it names the registry in its path, or means
// Docker Hub.
func (r *Registry) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refusal{http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry takes no pushes: use 'kubarium image load'"}.write(w)
			return
		}
		rest, ok := strings.CutPrefix(request.URL.Path+"/", "/v2/")
		if rest = strings.TrimSuffix(rest, "/"); !ok {
			refusal{http.StatusNotFound, "UNSUPPORTED", "this is an image registry: its paths begin with /v2/"}.write(w)
			return
		}
		if rest == "" {
			writeJSON(w, struct{}{})
			return
		}
		r.route(w, request, rest)
	})
}

// route serves a path of the form REPOSITORY/KIND/WHICH. A repository's name may
// itself hold a kind's, so the last one counts.
func (r *Registry) route(w http.ResponseWriter, request *http.Request, path string) {
	path, which := cutLast(path, "/")
	path, kind := cutLast(path, "/")
	repository, err := requested(path, request.URL.Query().Get("ns"))
	if err != nil {
		refusal{http.StatusNotFound, "NAME_UNKNOWN", err.Error()}.write(w)
		return
	}
	switch {
	case kind == "manifests" && r.refuses(repository, which):
		refusal{http.StatusForbidden, "DENIED", "access to this image is refused, by a fault that was injected"}.write(w)
	case kind == "manifests":
		r.serveManifest(w, request, repository, which)
	case kind == "blobs":
		r.serveBlob(w, request, which)
	case kind == "tags" && which == "list":
		r.serveTags(w, repository)
	default:
		refusal{http.StatusNotFound, "UNSUPPORTED", "this registry serves manifests, blobs and tags"}.write(w)
	}
}

func cutLast(s, separator string) (before, after string) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):]
	}
	return "", s
}

// requested is the full name of the repository that a path means.
func requested(path, ns string) (string, error) {
	if ns != "" {
		path = ns + "/" + path
	}
	repository, err := name.NewRepository(path)
	if err != nil {
		return "", err
	}
	return fullRepository(repository), nil
}

func (r *Registry) serveManifest(w http.ResponseWriter, request *http.Request, repository, reference string) {
	d, ok := r.find(repository, reference)
	if !ok {
		refusal{http.StatusNotFound, "MANIFEST_UNKNOWN", "there is no image " + join(repository, reference) + " in the cluster's registry"}.write(w)
		return
	}
	r.serveFile(w, request, d.Digest, string(d.MediaType))
}

func join(repository, reference string) string {
	if strings.Contains(reference, ":") {
		return repository + "@" + reference
	}
	return repository + ":" + reference
}

// find looks an image up by tag or digest.
func (r *Registry) find(repository, reference string) (v1.Descriptor, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if d, ok := r.images[repository+":"+reference]; ok {
		return d, true
	}
	for n, d := range r.images {
		if strings.HasPrefix(n, repository+":") && d.Digest.String() == reference {
			return d, true
		}
	}
	return v1.Descriptor{}, false
}

func (r *Registry) serveBlob(w http.ResponseWriter, request *http.Request, digest string) {
	// A hash is checked to be one: what comes in here becomes part of a path.
	hash, err := v1.NewHash(digest)
	if err != nil {
		refusal{http.StatusBadRequest, "DIGEST_INVALID", err.Error()}.write(w)
		return
	}
	r.serveFile(w, request, hash, "application/octet-stream")
}

// serveFile streams from the disk. Clients verify what they get by its digest.
func (r *Registry) serveFile(w http.ResponseWriter, request *http.Request, digest v1.Hash, mediaType string) {
	file, err := os.Open(r.blobPath(digest))
	if errors.Is(err, fs.ErrNotExist) {
		refusal{http.StatusNotFound, "BLOB_UNKNOWN", "there is no " + digest.String() + " in the cluster's registry"}.write(w)
		return
	}
	if err != nil {
		refusal{http.StatusInternalServerError, "UNKNOWN", err.Error()}.write(w)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest.String())
	w.Header().Set("Etag", `"`+digest.String()+`"`)
	http.ServeContent(w, request, "", time.Time{}, file)
}

func (r *Registry) serveTags(w http.ResponseWriter, repository string) {
	r.mu.RLock()
	names := slices.Sorted(maps.Keys(r.images))
	r.mu.RUnlock()
	var tags []string
	for _, n := range names {
		if tag, ok := strings.CutPrefix(n, repository+":"); ok {
			tags = append(tags, tag)
		}
	}
	if tags == nil {
		refusal{http.StatusNotFound, "NAME_UNKNOWN", "there is no repository " + repository + " in the cluster's registry"}.write(w)
		return
	}
	writeJSON(w, map[string]any{"name": repository, "tags": tags})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(value)
}
