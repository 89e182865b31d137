package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestInContainers reads this test's own process out of cgroups that are files.
func TestInContainers(t *testing.T) {
	root := t.TempDir()
	write := func(dir, pids string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), []byte(pids), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("kubepods/pod1/abc", fmt.Sprintf("%d\n999999999\n", os.Getpid()))
	write("kubepods/pod1/abc/nested", fmt.Sprintf("%d\n", os.Getppid()))
	write("kubepods/pod2/def", fmt.Sprintf("%d\n", os.Getpid()))

	found, err := InContainers([]string{root}, []string{"abc", "none"})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || len(found["abc"]) != 2 {
		t.Fatalf("found %+v", found)
	}
	i := slices.IndexFunc(found["abc"], func(p Process) bool { return p.HostPID == os.Getpid() })
	if i < 0 {
		t.Fatalf("this process is not in %+v", found["abc"])
	}
	if p := found["abc"][i]; p.PID == 0 || p.Parent == 0 || p.Memory == 0 || p.State == "" || p.Command == "" {
		t.Errorf("this process is %+v", p)
	}
	if _, err := InContainers([]string{filepath.Join(root, "gone")}, []string{"abc"}); err != nil {
		t.Errorf("a node that is gone: %v", err)
	}
}
