package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// cgroups makes a tree of cgroups with these files.
func cgroups(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestMemoryLimits finds those of the cgroups in which the program is, and of those above them,
// on machines and in containers: there the topmost is the container's own.
func TestMemoryLimits(t *testing.T) {
	v2 := cgroups(t, map[string]string{"user.slice/memory.max": "3000", "user.slice/ours/memory.max": "2000", "user.slice/other/memory.max": "1000", "system.slice/memory.max": "max"})
	v1 := cgroups(t, map[string]string{"memory/memory.limit_in_bytes": "9000", "memory/ours/memory.limit_in_bytes": "2000", "memory.max": "1"})
	container := cgroups(t, map[string]string{"memory.max": "2000"})
	for _, test := range []struct {
		what, root, groups string
		want               []memoryLimit
	}{
		{"v2", v2, "0::/user.slice/ours\n", []memoryLimit{{"/user.slice/ours", 2000}, {"/user.slice", 3000}}},
		{"v2 without a limit", v2, "0::/system.slice\n", nil},
		{"v1", v1, "7:memory:/ours\n8:pids:/\n", []memoryLimit{{"/ours", 2000}, {"/", 9000}}},
		{"container", container, "0::/\n", []memoryLimit{{"/", 2000}}},
		{"container whose path is the machine's", v1, "7:memory:/docker/1234\n", []memoryLimit{{"/", 9000}}},
		{"none", container, "", nil},
	} {
		if got := memoryLimits(test.root, parseGroups([]byte(test.groups))); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
	}
}

// TestNodesOfferWhatTheirContainerHas proves that pods on three nodes do not get more memory
// promised than there is, in a container and outside.
func TestNodesOfferWhatTheirContainerHas(t *testing.T) {
	const machine, limit = 64 << 30, 4 << 30
	for _, test := range []struct {
		what  string
		files map[string]string
		has   int64
	}{
		{"container of cgroup v2", map[string]string{"memory.max": "4294967296"}, limit},
		{"container of cgroup v1", map[string]string{"memory/memory.limit_in_bytes": "4294967296"}, limit},
		{"machine of cgroup v1", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712"}, machine},
		{"machine of cgroup v2, with a slice for itself", map[string]string{"user.slice/memory.max": "4294967296"}, machine},
	} {
		var offered int64
		for _, s := range shares {
			// A kubelet offers what is not kept back of the machine's.
			offered += machine - reserve(s, 2, machine, memoryOfNodes(cgroups(t, test.files), machine)).MemoryBytes
		}
		if offered > test.has || offered < test.has*8/10 {
			t.Errorf("%s: three nodes offer %d MiB of %d", test.what, offered>>20, test.has>>20)
		}
	}
}
