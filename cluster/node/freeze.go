package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// freezePause is how long to wait before looking again whether all is frozen: the kernel
// of cgroup v1 tells nobody.
const freezePause = 5 * time.Millisecond

// Freeze stops all processes of the machine where they are, by the cgroup freezer, until
// Thaw. It returns when the last of them stands still; if that takes too long, none does.
func (n *Node) Freeze(ctx context.Context) error {
	dir, err := n.Cgroup("freezer")
	if err != nil {
		return fmt.Errorf("freeze %s: %w", n.spec.Name, err)
	}
	if err := freeze(ctx, dir); err != nil {
		return errors.Join(fmt.Errorf("freeze %s: %w", n.spec.Name, err), thaw(dir))
	}
	return nil
}

// Thaw lets the machine go on.
func (n *Node) Thaw() error {
	dir, err := n.Cgroup("freezer")
	if err != nil {
		return fmt.Errorf("thaw %s: %w", n.spec.Name, err)
	}
	if err := thaw(dir); err != nil {
		return fmt.Errorf("thaw %s: %w", n.spec.Name, err)
	}
	return nil
}

func freeze(ctx context.Context, dir string) error {
	for {
		if err := setFreezer(dir, true); err != nil {
			return err
		}
		if done, err := frozen(dir); err != nil || done {
			return err
		}
		select {
		case <-time.After(freezePause):
		case <-ctx.Done():
			return fmt.Errorf("wait until its processes stand still: %w", ctx.Err())
		}
	}
}

// thaw lets a cgroup's processes go on. One that is not there has none.
func thaw(dir string) error {
	if err := setFreezer(dir, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// setFreezer writes to the file of v2, or else to that of v1.
func setFreezer(dir string, frozen bool) error {
	file, value := filepath.Join(dir, "cgroup.freeze"), "0"
	if frozen {
		value = "1"
	}
	if _, err := os.Stat(file); err != nil {
		file, value = filepath.Join(dir, "freezer.state"), "THAWED"
		if frozen {
			value = "FROZEN"
		}
	}
	// Without O_CREATE: where there is no freezer, there is no such file.
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the cgroup's freezer: %w", err)
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func frozen(dir string) (bool, error) {
	if data, err := os.ReadFile(filepath.Join(dir, "cgroup.events")); err == nil {
		return bytes.Contains(data, []byte("frozen 1")), nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "freezer.state"))
	if err != nil {
		return false, fmt.Errorf("read the cgroup's freezer: %w", err)
	}
	return strings.TrimSpace(string(data)) == "FROZEN", nil
}
