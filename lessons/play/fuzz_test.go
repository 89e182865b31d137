package play

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzOpenProgress looks for progress files that are taken and can't be read.
func FuzzOpenProgress(f *testing.F) {
	f.Add([]byte(`{"version":1,"lessons":{"first-pod":{}}}`))
	f.Add([]byte(`{"version":1,"lessons":{"first-pod":null}}`))
	f.Add([]byte(`{"version":99}`))
	path := filepath.Join(f.TempDir(), "lessons.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := OpenProgress(path)
		if err == nil {
			for id := range p.lessons {
				_ = p.Lesson(id)
			}
		}
	})
}
