package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMemoryOfAContainer proves that what counts in a container is its own limit.
func TestMemoryOfAContainer(t *testing.T) {
	const machine = 16 << 30
	for limit, want := range map[string]struct {
		found string
		fine  bool
	}{
		"max":        {"16.0 GiB", true},
		"4294967296": {"4.0 GiB, the limit of this container", true},
		"1073741824": {"1.0 GiB, the limit of this container", false},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "memory.max"), []byte(limit+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := judgeMemory(root, machine)
		if found != want.found || (err == nil) != want.fine {
			t.Errorf("limit %s: %q, %v", limit, found, err)
		}
	}
}
