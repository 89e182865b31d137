package machine

import (
	"fmt"
	"os"
	"path/filepath"
)

// CgroupRoot is where the cgroups are, each hierarchy of v1 in a directory of its own.
const CgroupRoot = "/sys/fs/cgroup"

// OwnGroups returns the paths of this process' cgroups by their controllers; that of cgroup v2
// has none.
func OwnGroups() (map[string]string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find own cgroup: %w", err)
	}
	return parseGroups(data), nil
}

// limitFiles have how much memory a cgroup may have, by the hierarchy's controller, as
// OwnGroups names it, and directory.
var limitFiles = []struct{ controller, dir, file string }{
	{"memory", "memory", "memory.limit_in_bytes"},
	{"", "", "memory.max"},
}

// MemoryLimit is how much memory a cgroup may have.
type MemoryLimit struct {
	// Group is its path, which a namespace of cgroups may have shortened.
	Group string
	Bytes int64
}

// MemoryLimits returns the limits of a process' cgroups, which are told by their controllers, and
// of those above them. The topmost is among them: in a container it is not the machine's, but
// the one that has the limit.
func MemoryLimits(root string, groups map[string]string) []MemoryLimit {
	var limits []MemoryLimit
	for _, of := range limitFiles {
		path, ok := groups[of.controller]
		for ; ok; path = filepath.Dir(path) {
			if n := Number(filepath.Join(root, of.dir, path, of.file)); n >= 0 {
				limits = append(limits, MemoryLimit{path, int64(n)})
			}
			ok = path != "/"
		}
	}
	return limits
}

// Contained is how much of the machine's memory there is in the container that the program is
// in, all of it if it is in none: the limit of the topmost cgroup that is seen.
func Contained(root string, total int64) int64 {
	for _, l := range MemoryLimits(root, map[string]string{"memory": "/", "": "/"}) {
		total = min(total, l.Bytes)
	}
	return total
}
