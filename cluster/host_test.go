package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemoveLeavesWhatIsNoCluster names a directory of somebody's by mistake.
func TestRemoveLeavesWhatIsNoCluster(t *testing.T) {
	home := t.TempDir()
	theirs := filepath.Join(home, "alice", "letter")
	if err := os.MkdirAll(filepath.Dir(theirs), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Remove(t.Context(), LayoutOf(home, "alice"))
	if err == nil || !strings.Contains(err.Error(), "there is no cluster in") {
		t.Errorf("a directory without a cluster: %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(theirs)); len(entries) != 1 || entries[0].Name() != "letter" {
		t.Errorf("in the directory without a cluster is now %v", entries)
	}
}
