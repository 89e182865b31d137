package fault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node"
	"kubarium/cluster/node/nodeinit"
)

// machineWithDisk is a node with a disk of its own, mounted at dir/var.
type machineWithDisk struct {
	Machine
	dir  string
	done chan struct{}
	// restarted is told of the kubelet.
	restarted chan string
}

func (m machineWithDisk) Path(inside string) string { return filepath.Join(m.dir, inside) }
func (m machineWithDisk) OpenRoot(dir string) (*os.Root, error) {
	return os.OpenRoot(m.Path(dir))
}
func (m machineWithDisk) Done() <-chan struct{} { return m.done }
func (m machineWithDisk) StopRole(context.Context, string) error {
	return nil
}

func (m machineWithDisk) StartRole(_ context.Context, role string) error {
	m.restarted <- role
	return nil
}

// TestFillDisk fills a small disk, which stays full whatever others give back, until the
// fault is healed.
func TestFillDisk(t *testing.T) {
	m := machineWithDisk{dir: t.TempDir(), done: make(chan struct{}), restarted: make(chan string, 2)}
	if err := os.MkdirAll(filepath.Join(m.dir, "var"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", m.Path("/var"), "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(m.Path("/var"), unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := nodeinit.InstallDisk(m.Path("/var")); err != nil {
		t.Fatal(err)
	}
	mebibyte := bytes.Repeat([]byte{1}, 1<<20)
	write := func() error { return os.WriteFile(m.Path("/var/of-a-pod"), mebibyte, 0o600) }
	if err := write(); err != nil {
		t.Fatal(err)
	}
	heal, err := fillDisk(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.Path("/var/more"), mebibyte, 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("writing to a full disk: %v", err)
	}
	for _, file := range []string{"more", "of-a-pod"} {
		if err := os.Remove(m.Path("/var/" + file)); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); !errors.Is(write(), unix.ENOSPC); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what was given back is not taken")
		}
		if err := os.Remove(m.Path("/var/of-a-pod")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if role := <-m.restarted; role != node.RoleKubelet {
			t.Errorf("%s was started anew", role)
		}
		if err := write(); err != nil {
			t.Errorf("writing to a disk that was healed: %v", err)
		}
	}
}
