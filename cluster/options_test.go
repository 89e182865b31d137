package cluster

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMaskKeepsNobodyOut makes a cluster's directories where root's files are for root alone: the
// user whose kubeconfig is in them passes through all the same, and what was there has the mode
// that it had.
func TestMaskKeepsNobodyOut(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	parent := filepath.Join(t.TempDir(), "parent")
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(parent, "lib", "kubarium")
	layout := LayoutOf(data, "lab")
	if err := layout.Make(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		parent: 0o700, filepath.Dir(data): 0o711, data: 0o711, layout.Root: 0o711,
		layout.PKI(): 0o700, layout.Run(): 0o700, layout.Logs(): 0o700, layout.Bin(): 0o700, layout.Images(): 0o700, layout.Nodes(): 0o700,
	} {
		if got := modeOf(t, path); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	if err := os.Chmod(layout.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := layout.Make(); err != nil {
		t.Fatal(err)
	}
	if got := modeOf(t, layout.Root); got != 0o700 {
		t.Errorf("a directory that was there has mode %o, had 700", got)
	}
	if mask := syscall.Umask(0o077); mask != 0o077 {
		t.Errorf("the mask of the user's programs is %o", mask)
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
