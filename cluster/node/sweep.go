package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kubarium/cluster/node/nodeinit"
)

// sweepLimit is how long the kernel may take to end what was killed.
const sweepLimit = 10 * time.Second

// Sweep ends all processes in the cgroup of a cluster ("kubarium/NAME") and removes
// it, and the one above it if no other cluster is in that.
func Sweep(cgroup string) error {
	if err := RemoveCgroup(cgroup); err != nil {
		return err
	}
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		// It stays while another cluster runs, and that is right.
		_ = os.Remove(filepath.Join(h.Mount, filepath.Dir(cgroup)))
	}
	return nil
}

// RemoveCgroup kills what is left in a cgroup and below it, and removes it from every
// hierarchy.
func RemoveCgroup(path string) error {
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range hierarchies {
		errs = append(errs, wake(filepath.Join(h.Mount, path)))
	}
	for _, h := range hierarchies {
		errs = append(errs, removeTree(filepath.Join(h.Mount, path)))
	}
	return errors.Join(errs...)
}

// wake thaws what was frozen when the program was killed, for its end: in v1, what stands
// still does not die, and is then in the way in all hierarchies.
func wake(root string) error {
	dirs, err := below(root)
	for _, dir := range dirs {
		kill(dir)
		// Most hierarchies of v1 have no freezer.
		_ = thaw(dir)
	}
	return err
}

func removeTree(root string) error {
	deadline := time.Now().Add(sweepLimit)
	for {
		dirs, err := below(root)
		if err != nil || len(dirs) == 0 {
			return err
		}
		var last error
		// Children first.
		for _, dir := range slices.Backward(dirs) {
			kill(dir)
			if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = err
			}
		}
		if last == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove cgroup: %w", last)
		}
		// The kernel tells nobody when a killed process has left its cgroup.
		time.Sleep(10 * time.Millisecond)
	}
}

// below lists a cgroup and all below it, parents first; none if it does not exist.
func below(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list cgroup: %w", err)
	}
	return dirs, nil
}

func kill(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for _, line := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
