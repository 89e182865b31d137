package images

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzReadArchive looks for archives that crash their reader, or whose images have no
// name. kind says what the archive calls itself.
func FuzzReadArchive(f *testing.F) {
	f.Add(true, []byte("not a tar file"))
	f.Add(false, []byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:00","annotations":{"io.containerd.image.name":"a:b"}}]}`))
	f.Add(false, []byte(`{"manifests":null}`))
	f.Fuzz(func(t *testing.T, docker bool, data []byte) {
		dir := t.TempDir()
		files := filepath.Join(dir, filesName)
		if err := os.Mkdir(files, 0o700); err != nil {
			t.Fatal(err)
		}
		index := "index.json"
		if docker {
			index = "manifest.json"
		}
		for path, content := range map[string][]byte{filepath.Join(dir, archiveName): data, filepath.Join(files, index): data} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		found, err := readArchive(dir)
		if err == nil && len(found) == 0 {
			t.Error("no image, and no error")
		}
		for _, n := range found {
			if n.tag.Name() == "" {
				t.Error("an image without a name")
			}
		}
	})
}
