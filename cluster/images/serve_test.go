package images

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// open opens a registry with the bundled images alone, and serves it.
func open(t *testing.T) (*Registry, *httptest.Server) {
	t.Helper()
	r, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	return r, server
}

// node is what a node pulls with: containerd's own resolver, with the registry as the
// mirror of all others.
func node(server *httptest.Server) remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{Hosts: func(string) ([]docker.RegistryHost, error) {
		return []docker.RegistryHost{{
			Client: server.Client(), Scheme: "http", Host: strings.TrimPrefix(server.URL, "http://"),
			Path: "/v2", Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
		}}, nil
	}})
}

// fetch pulls one blob as a node does, from an offset on.
func fetch(t *testing.T, server *httptest.Server, image string, d ocispec.Descriptor, offset int64) []byte {
	t.Helper()
	fetcher, err := node(server).Fetcher(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := fetcher.Fetch(t.Context(), d)
	if err != nil {
		t.Fatalf("fetch %s of %s: %v", d.Digest, image, err)
	}
	defer reader.Close()
	if offset > 0 {
		if _, err := reader.(io.Seeker).Seek(offset, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("read %s of %s from %d: %v", d.Digest, image, offset, err)
	}
	return data
}

func TestANodePullsEveryBundledImage(t *testing.T) {
	r, server := open(t)
	list, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range list {
		_, d, err := node(server).Resolve(t.Context(), image.Name)
		if err != nil {
			t.Fatalf("resolve %s: %v", image.Name, err)
		}
		if d.Digest.String() != image.Digest {
			t.Errorf("%s resolves to %s, is listed as %s", image.Name, d.Digest, image.Digest)
		}
		var manifest ocispec.Manifest
		if err := json.Unmarshal(fetch(t, server, image.Name, d, 0), &manifest); err != nil {
			t.Fatal(err)
		}
		var size int64
		for _, blob := range append(manifest.Layers, manifest.Config) {
			data := fetch(t, server, image.Name, blob, 0)
			if got := blob.Digest.Algorithm().FromBytes(data); got != blob.Digest {
				t.Errorf("%s: %s has the content of %s", image.Name, blob.Digest, got)
			}
			size += int64(len(data))
		}
		if size != image.Size {
			t.Errorf("%s is listed with %d bytes, a pull transfers %d", image.Name, image.Size, size)
		}
	}
}

// A node takes up a pull that broke off where it was, with a range without an end.
func TestAPullGoesOnWhereItBroke(t *testing.T) {
	_, server := open(t)
	const image = "registry.k8s.io/pause:3.10.2"
	_, d, err := node(server).Resolve(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(fetch(t, server, image, d, 0), &manifest); err != nil {
		t.Fatal(err)
	}
	layer := manifest.Layers[0]
	whole := fetch(t, server, image, layer, 0)
	if rest := fetch(t, server, image, layer, 1000); string(rest) != string(whole[1000:]) {
		t.Errorf("from byte 1000 on there are %d bytes that are not the end of the %d", len(rest), len(whole))
	}
}

func TestAnUnknownImageIsNotFound(t *testing.T) {
	_, server := open(t)
	for _, image := range []string{
		"docker.io/kubarium/web:9.9",             // a tag that is not there
		"docker.io/library/nginx:latest",         // a repository that is not there
		"quay.io/kubarium/web:1.0",               // the same path at another registry
		"registry.example:5000/kubarium/web:1.0", // a registry with a port
	} {
		if _, _, err := node(server).Resolve(t.Context(), image); !errdefs.IsNotFound(err) {
			t.Errorf("%s: %v, not a 'not found'", image, err)
		}
	}
}

func get(t *testing.T, server *httptest.Server, method, path string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestAnswersFollowTheSpecification(t *testing.T) {
	r, server := open(t)
	pause := r.images["registry.k8s.io/pause:3.10.2"].Digest.String()
	unknown := "sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/v2/", 200, "{}"},
		{"GET", "/v2", 200, "{}"},
		{"GET", "/", 404, "/v2/"},
		{"GET", "/v2/kubarium/web/manifests/1.0?ns=docker.io", 200, "layers"},
		{"GET", "/v2/docker.io/kubarium/web/manifests/1.0", 200, "layers"},
		{"GET", "/v2/kubarium/web/manifests/1.0", 200, "layers"},
		{"GET", "/v2/kubarium/web/manifests/1.0?ns=quay.io", 404, "MANIFEST_UNKNOWN"},
		{"GET", "/v2/pause/manifests/" + pause + "?ns=registry.k8s.io", 200, "layers"},
		{"GET", "/v2/kubarium/web/manifests/" + pause, 404, "MANIFEST_UNKNOWN"},
		{"HEAD", "/v2/kubarium/web/manifests/1.0", 200, ""},
		{"HEAD", "/v2/kubarium/web/manifests/9.9", 404, ""},
		{"GET", "/v2/pause/blobs/" + unknown + "?ns=registry.k8s.io", 404, "BLOB_UNKNOWN"},
		{"GET", "/v2/pause/blobs/sha256:..%2f..%2findex.json?ns=registry.k8s.io", 404, ""},
		{"GET", "/v2/pause/blobs/sha256:index.json?ns=registry.k8s.io", 400, "DIGEST_INVALID"},
		{"GET", "/v2/kubarium/web/tags/list", 200, `"tags":["1.0","2.0","3.0"]`},
		{"GET", "/v2/kubarium/wob/tags/list", 404, "NAME_UNKNOWN"},
		{"GET", "/v2/UPPER/manifests/1.0", 404, "NAME_UNKNOWN"},
		{"PUT", "/v2/kubarium/web/manifests/1.0", 405, "kubarium image load"},
		{"POST", "/v2/kubarium/web/blobs/uploads/", 405, "UNSUPPORTED"},
		{"DELETE", "/v2/kubarium/web/manifests/1.0", 405, "UNSUPPORTED"},
	} {
		response, body := get(t, server, c.method, c.path)
		if response.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s: %s: %s, want %d with %q", c.method, c.path, response.Status, body, c.status, c.body)
		}
	}
}

func TestARangeIsAnsweredWithNoMore(t *testing.T) {
	r, server := open(t)
	digest := r.images["registry.k8s.io/pause:3.10.2"].Digest
	whole, err := os.ReadFile(r.blobPath(digest))
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{"bytes=5-": string(whole[5:]), "bytes=5-9": string(whole[5:10])} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v2/registry.k8s.io/pause/blobs/"+digest.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Range", header)
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusPartialContent || string(body) != want {
			t.Errorf("%s: %s, %d bytes, %v; want %d", header, response.Status, len(body), err, len(want))
		}
	}
}

func TestAManifestSaysWhatItIs(t *testing.T) {
	r, server := open(t)
	d := r.images["docker.io/kubarium/web:1.0"]
	for _, method := range []string{"HEAD", "GET"} {
		response, _ := get(t, server, method, "/v2/kubarium/web/manifests/1.0")
		digest, kind := response.Header.Get("Docker-Content-Digest"), response.Header.Get("Content-Type")
		if digest != d.Digest.String() || kind != string(d.MediaType) || response.ContentLength != d.Size {
			t.Errorf("%s: %s, %s, %d bytes; want %+v", method, digest, kind, response.ContentLength, d)
		}
	}
}
