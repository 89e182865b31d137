package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLayer proves that each directory comes once and before what is in it, and that
// modes and links are kept.
func TestLayer(t *testing.T) {
	source := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(source, []byte("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := newLayer()
	l.program("/usr/bin/tool", 0o6755, source)
	l.link("/usr/bin/other", "tool")
	l.dir("/tmp", 0o1777)
	l.text("/tmp/note", "text")
	done, err := l.done()
	if err != nil {
		t.Fatal(err)
	}
	content, err := done.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var names []string
	modes := map[string]int64{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		modes[header.Name] = header.Mode
	}
	if want := []string{"usr/", "usr/bin/", "usr/bin/tool", "usr/bin/other", "tmp/", "tmp/note"}; !slices.Equal(names, want) {
		t.Errorf("layer holds %q, want %q", names, want)
	}
	if modes["usr/bin/tool"] != 0o6755 || modes["tmp/"] != 0o1777 {
		t.Errorf("modes are %v", modes)
	}
}

func TestLayerTellsItsFirstError(t *testing.T) {
	l := newLayer()
	l.program("/tool", 0o755, filepath.Join(t.TempDir(), "missing"))
	l.text("/note", "text")
	if _, err := l.done(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v, want that the program is missing", err)
	}
}
