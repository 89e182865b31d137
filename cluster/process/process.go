// Package process lists what runs in containers, as the kernel knows it.
package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// Process is a process of a container.
type Process struct {
	// PID is its number as the container sees it, Parent that of the one that began it.
	PID, Parent int
	// HostPID is its number on this machine.
	HostPID int
	// NodePID is its number on the container's node.
	NodePID int
	// Command is how it was called.
	Command string
	// State is the kernel's letter: R runs, S sleeps, Z has ended and nobody asked how.
	State string
	// Memory is what of it is in memory, in bytes.
	Memory int64
	// Cgroup is where the kernel counts and limits it, below the node's own cgroup.
	Cgroup string
}

// InContainers finds the processes of containers by their cgroups, whose names are the
// containers' IDs, below one of the nodes' cgroups.
func InContainers(roots, ids []string) (map[string][]Process, error) {
	found := make(map[string][]Process, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // it has just ended
			case err != nil:
				return err
			case d.Name() != "cgroup.procs":
				return nil
			}
			if id := idIn(path, ids); id != "" {
				for _, p := range inGroup(proc, path) {
					p.Cgroup = strings.TrimPrefix(filepath.Dir(path), root)
					found[id] = append(found[id], p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("find cgroups of containers: %w", err)
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	}
	return found, nil
}

// idIn is the container whose cgroup, or one below it, a path is in; "" if it is another.
func idIn(path string, ids []string) string {
	for _, part := range strings.Split(path, string(filepath.Separator)) {
		if slices.Contains(ids, part) {
			return part
		}
	}
	return ""
}

// inGroup reads the processes of one cgroup; those that end meanwhile are left out.
func inGroup(proc procfs.FS, path string) []Process {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var list []Process
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid == 0 {
			continue
		}
		if p, err := look(proc, pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func look(proc procfs.FS, pid int) (Process, error) {
	p, err := proc.Proc(pid)
	if err != nil {
		return Process{}, err
	}
	stat, err := p.Stat()
	if err != nil {
		return Process{}, err
	}
	status, err := p.NewStatus()
	if err != nil {
		return Process{}, err
	}
	out := Process{PID: inside(status), HostPID: pid, NodePID: onNode(status), State: stat.State, Memory: int64(stat.ResidentMemory())}
	if stat.PPID > 0 {
		// The one that began it may be outside, as that of a shell is: then it has no
		// number in the container.
		if parent, err := proc.Proc(stat.PPID); err == nil {
			if s, err := parent.NewStatus(); err == nil && len(s.NSpids) == len(status.NSpids) {
				out.Parent = inside(s)
			}
		}
	}
	words, err := p.CmdLine()
	if err != nil || len(words) == 0 {
		words = []string{"[" + stat.Comm + "]"}
	}
	out.Command = strings.Join(words, " ")
	return out, nil
}

// inside is the number in the innermost namespace.
func inside(s procfs.ProcStatus) int {
	if n := len(s.NSpids); n > 0 {
		return int(s.NSpids[n-1])
	}
	return s.PID
}

// onNode is the number in the namespace below this machine's.
func onNode(s procfs.ProcStatus) int {
	if len(s.NSpids) > 1 {
		return int(s.NSpids[1])
	}
	return s.PID
}

// CgroupOf finds the cgroup of a container below that of its node.
func CgroupOf(root, id string) (string, error) {
	found := ""
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case err == nil && d.IsDir() && d.Name() == id:
			found = path
			return filepath.SkipAll
		}
		return nil
	})
	if err == nil && found == "" {
		err = fs.ErrNotExist
	}
	if err != nil {
		return "", fmt.Errorf("find cgroup of container %s: %w", id, err)
	}
	return found, nil
}
