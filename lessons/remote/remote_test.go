package remote

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"kubarium/lessons"
)

// push puts an artifact with one layer into a registry of the test's own.
func push(t *testing.T, headers []tar.Header, content string) string {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len(content))
		}
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(bytes.Repeat([]byte(content), int(h.Size)/len(content))); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Close()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	ref := strings.TrimPrefix(server.URL, "http://") + "/courses/small:1"
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(parsed, image); err != nil {
		t.Fatal(err)
	}
	return scheme + ref
}

func regular(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }

func TestCourseOfARegistry(t *testing.T) {
	where := push(t, []tar.Header{{Name: "my/", Typeflag: tar.TypeDir}, regular("my/course.yaml"), regular("my/glossary.txt")}, "title: Mine")
	files, err := Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	course, err := lessons.Load(files)
	if err != nil || course.Title != "Mine" {
		t.Errorf("%+v, %v", course, err)
	}
	if _, err := Open(t.Context(), strings.Replace(where, "small", "gone", 1)); err == nil {
		t.Error("a course that is not there was opened")
	}
}

func TestWhatLeadsOutOfACourseIsRefused(t *testing.T) {
	for _, c := range []struct {
		header tar.Header
		want   string
	}{
		{regular("../course.yaml"), "leads out"},
		{regular("/etc/course.yaml"), "leads out"},
		{tar.Header{Name: "course.yaml", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}, "no links"},
		{tar.Header{Name: "course.yaml", Typeflag: tar.TypeLink, Linkname: "/etc/shadow"}, "no links"},
		{tar.Header{Name: "course.yaml", Typeflag: tar.TypeFifo}, "neither a file"},
		{tar.Header{Name: "course.yaml", Typeflag: tar.TypeReg, Size: maxFile + 16}, "at most"},
		{regular("readme.md"), "no course.yaml"},
	} {
		if _, err := Open(t.Context(), push(t, []tar.Header{c.header}, "x")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of type %c: %v, not %q", c.header.Name, c.header.Typeflag, err, c.want)
		}
	}
}

func TestALinkOutOfAFolderIsNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.yaml")
	for path, text := range map[string]string{outside: "title: Secret", filepath.Join(dir, "other.yaml"): "title: Other"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "course.yaml")); err != nil {
		t.Fatal(err)
	}
	files, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(files, "course.yaml"); err == nil {
		t.Errorf("read %q from outside of the folder", text)
	}
	if _, err := fs.ReadFile(files, "other.yaml"); err != nil {
		t.Error(err)
	}
}
