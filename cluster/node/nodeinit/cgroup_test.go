package nodeinit

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestParseHierarchies reads what hosts of each kind have in /proc/self/cgroup.
func TestParseHierarchies(t *testing.T) {
	for _, test := range []struct{ host, data, want string }{
		{"v1", "13:cpu,cpuacct:/\n2:memory:/a:b\n1:name=systemd:/user.slice\n", "/sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/memory /sys/fs/cgroup/systemd"},
		{"hybrid", "5:pids:/x\n0::/user.slice\n", "/sys/fs/cgroup/pids"},
		{"v2", "0::/\n", ""},
		{"none", "", ""},
		{"names that lead away", "3:name=../../etc:/\n2:name=:/\n1:name=a/..:/\n", ""},
	} {
		var mounts []string
		for _, h := range parseHierarchies([]byte(test.data)) {
			mounts = append(mounts, h.Mount)
		}
		if got := strings.Join(mounts, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.host, got, test.want)
		}
	}
}

// FuzzParseHierarchies looks for lists of cgroups that lead elsewhere: in what is found
// directories are made.
func FuzzParseHierarchies(f *testing.F) {
	f.Add([]byte("13:cpu,cpuacct:/\n1:name=systemd:/a:b\n0::/\n"))
	f.Add([]byte("1:name=..:/\n1:name=/:/\n1:\x00:/"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, h := range parseHierarchies(data) {
			if h.Name == "" || !strings.HasPrefix(h.Mount, cgroupRoot+"/") || h.Mount != filepath.Clean(h.Mount) {
				t.Errorf("%q has %+v", data, h)
			}
		}
	})
}
