package machine

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
		want               []MemoryLimit
	}{
		{"v2", v2, "0::/user.slice/ours\n", []MemoryLimit{{"/user.slice/ours", 2000}, {"/user.slice", 3000}}},
		{"v2 without a limit", v2, "0::/system.slice\n", nil},
		{"v1", v1, "7:memory:/ours\n8:pids:/\n", []MemoryLimit{{"/ours", 2000}, {"/", 9000}}},
		{"container", container, "0::/\n", []MemoryLimit{{"/", 2000}}},
		{"container whose path is the machine's", v1, "7:memory:/docker/1234\n", []MemoryLimit{{"/", 9000}}},
		{"none", container, "", nil},
	} {
		if got := MemoryLimits(test.root, parseGroups([]byte(test.groups))); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
	}
}

// TestContained proves that a container's limit counts, and that by which a program was started
// on a machine does not.
func TestContained(t *testing.T) {
	const total, limit = 64 << 30, 4 << 30
	for _, test := range []struct {
		what  string
		files map[string]string
		want  int64
	}{
		{"container of cgroup v2", map[string]string{"memory.max": "4294967296"}, limit},
		{"container of cgroup v1", map[string]string{"memory/memory.limit_in_bytes": "4294967296"}, limit},
		{"machine of cgroup v1", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712"}, total},
		{"machine of cgroup v2, with a slice for itself", map[string]string{"user.slice/memory.max": "4294967296"}, total},
	} {
		if got := Contained(cgroups(t, test.files), total); got != test.want {
			t.Errorf("%s: %d, want %d", test.what, got, test.want)
		}
	}
}
