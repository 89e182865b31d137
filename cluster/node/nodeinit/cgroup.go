package nodeinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// createAttempts is how often a cgroup is made that somebody else removes.
const createAttempts = 10

// Hierarchy is a cgroup hierarchy of the host: the one of cgroup v2, or one of the
// several of v1.
type Hierarchy struct {
	// Name is the controllers of a v1 hierarchy ("cpu,cpuacct", "name=systemd"); ""
	// is cgroup v2.
	Name string
	// Mount is where the host has it.
	Mount string
}

// Unified reports whether the host has cgroup v2 alone.
func Unified() (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &s); err != nil {
		return false, fmt.Errorf("look at %s: %w", cgroupRoot, err)
	}
	return s.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// Hierarchies lists the hierarchies that nodes use: the unified one, or on a v1 or
// hybrid host all of v1. The v2 hierarchy of a hybrid host has no controllers, and
// is left out.
func Hierarchies() ([]Hierarchy, error) {
	unified, err := Unified()
	if err != nil {
		return nil, err
	}
	if unified {
		return []Hierarchy{{Mount: cgroupRoot}}, nil
	}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	return slices.DeleteFunc(parseHierarchies(data), func(h Hierarchy) bool {
		_, err := os.Stat(h.Mount)
		return err != nil
	}), nil
}

// parseHierarchies reads those of cgroup v1 out of what /proc/PID/cgroup has, see
// cgroups(7). A name may be anything; one that is no directory's is nowhere mounted.
func parseHierarchies(data []byte) []Hierarchy {
	var all []Hierarchy
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 || fields[1] == "" {
			continue
		}
		directory := strings.TrimPrefix(fields[1], "name=")
		if filepath.IsLocal(directory) && filepath.Clean(directory) != "." {
			all = append(all, Hierarchy{Name: fields[1], Mount: filepath.Join(cgroupRoot, directory)})
		}
	}
	return all
}

// MakeCgroup makes the cgroup path in every hierarchy. The parent calls it: in a PID
// namespace of its own a process could not name those that may be in the way.
func MakeCgroup(path string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		// The last of other clusters that ends takes the parent of all away.
		for range createAttempts {
			if err = h.create(path); !errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// joinCgroup moves this process to the cgroup path in every hierarchy.
func joinCgroup(path string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if err := join(filepath.Join(h.Mount, path), "0"); err != nil {
			return err
		}
	}
	return nil
}

// create makes each level of path, usable: a new cpuset has no processors, and in v2
// a child has the controllers that its parent hands down.
func (h Hierarchy) create(path string) error {
	dir := h.Mount
	for _, element := range strings.Split(path, "/") {
		if h.Name == "" {
			if err := handDown(dir); err != nil {
				return err
			}
		}
		parent := dir
		dir = filepath.Join(dir, element)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if h.Name == "" {
			continue
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(parent, dir, file); err != nil {
				return err
			}
		}
	}
	return nil
}

func inherit(parent, dir, file string) error {
	own, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(own)) != "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read cgroup's processors: %w", err)
	}
	value, err := os.ReadFile(filepath.Join(parent, file))
	if err != nil {
		return fmt.Errorf("read cgroup's processors: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
		return fmt.Errorf("give cgroup its processors: %w", err)
	}
	return nil
}

// handDown enables the available controllers for the children of a v2 cgroup. The host
// may have all of them enabled already; nothing is written then.
func handDown(dir string) error {
	available, err := controllers(dir, "cgroup.controllers")
	if err != nil {
		return err
	}
	enabled, err := controllers(dir, "cgroup.subtree_control")
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(available, func(c string) bool { return slices.Contains(enabled, c) })
	if len(missing) == 0 {
		return nil
	}
	if err := evacuate(dir); err != nil {
		return err
	}
	for _, controller := range missing {
		err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
		// One that can't be had (cpu, where real-time processes are) must not keep the
		// others; these the kubelet needs.
		if err != nil && slices.Contains([]string{"cpu", "cpuset", "memory", "pids"}, controller) {
			return fmt.Errorf("hand cgroup controller %s down in %s: %w", controller, dir, err)
		}
	}
	return nil
}

func controllers(dir, file string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, fmt.Errorf("list cgroup controllers: %w", err)
	}
	return strings.Fields(string(data)), nil
}

// evacuate moves the processes of a v2 cgroup to a child of it: one that has processes
// can't hand controllers down. The host's topmost can; but in a container the topmost
// that is visible is not the host's. It must happen before any controller is handed
// down: with some of them the kernel would make it a cgroup of threads instead.
func evacuate(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "cgroup.type")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("list processes of cgroup: %w", err)
	}
	pids := strings.Fields(string(data))
	if len(pids) == 0 {
		return nil
	}
	leaf, err := makeChild(dir)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		// A process that ended in the meantime is no error.
		if err := join(leaf, pid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

func makeChild(dir string) (string, error) {
	leaf := filepath.Join(dir, "init")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make cgroup: %w", err)
	}
	return leaf, nil
}

// join moves a process to a cgroup; "0" is this one, whatever its number in the
// host's eyes.
func join(dir, pid string) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0); err != nil {
		return fmt.Errorf("join cgroup: %w", err)
	}
	return nil
}

// mountCgroups mounts the hierarchies below root, as seen from this process's cgroup
// namespace.
func mountCgroups(root string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	base := filepath.Join(root, cgroupRoot)
	if hierarchies[0].Name == "" {
		return mountFS("cgroup2", base, "")
	}
	if err := mountFS("tmpfs", base, "mode=755"); err != nil {
		return err
	}
	for _, h := range hierarchies {
		target := filepath.Join(base, filepath.Base(h.Mount))
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		options := h.Name
		if strings.HasPrefix(options, "name=") {
			options = "none," + options
		}
		if err := mountFS("cgroup", target, options); err != nil {
			return err
		}
		// Co-mounted controllers are looked for under each one's name.
		for _, controller := range strings.Split(h.Name, ",") {
			if strings.Contains(h.Name, ",") {
				if err := os.Symlink(h.Name, filepath.Join(base, controller)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// makeLeaf moves this process out of the root of its v2 cgroup namespace: a cgroup
// that hands controllers down may have no processes of its own.
func makeLeaf() error {
	unified, err := Unified()
	if err != nil || !unified {
		return err
	}
	leaf, err := makeChild(cgroupRoot)
	if err != nil {
		return err
	}
	if err := join(leaf, "0"); err != nil {
		return err
	}
	return handDown(cgroupRoot)
}
