package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestWhoWaitsHearsThatTheStartFailed: the app would show for ever that it looks at the machine.
func TestWhoWaitsHearsThatTheStartFailed(t *testing.T) {
	c, err := New(Options{DataDir: t.TempDir(), Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.layout.Make(); err != nil {
		t.Fatal(err)
	}
	lock, err := takeLock(c.layout.lock())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	waiting := make(chan error, 1)
	go func() { waiting <- c.Ready(t.Context()) }()
	if err := c.Start(t.Context()); !errors.Is(err, ErrRunning) {
		t.Fatalf("start: %v", err)
	}
	select {
	case err := <-waiting:
		if !errors.Is(err, ErrRunning) {
			t.Errorf("who waits hears %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("who waits hears nothing")
	}
}
