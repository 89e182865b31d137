package encryption

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead looks for configurations that crash their reader.
func FuzzRead(f *testing.F) {
	f.Add([]byte("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{resources: [secrets], providers: [{identity: {}}]}]"))
	f.Add([]byte("resources: [{}]"))
	f.Add([]byte("resources: null"))
	path := filepath.Join(f.TempDir(), "encryption.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(path); err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
	})
}
