package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestAForkBombTakesItsNodeAlone has a machine's process fork without end. To not have
// thousands of processes, the limit is lowered before.
func TestAForkBombTakesItsNodeAlone(t *testing.T) {
	spec := testSpec("bomb", t.TempDir())
	n, _ := startMachine(t, spec, map[string]string{"bomb": "while sleep 1000 & do echo >>/var/log/kubarium/forks; done; exec sleep 1000"})
	group, err := n.Cgroup("pids")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(group, "pids.max")
	machine, err := strconv.Atoi(strings.TrimSpace(readFile(t, "/proc/sys/kernel/pid_max")))
	if err != nil {
		t.Fatal(err)
	}
	if most, err := strconv.Atoi(strings.TrimSpace(readFile(t, file))); err != nil || most < 100 || most > machine/4 {
		t.Errorf("the node may have %d processes of the machine's %d, %v", most, machine, err)
	}
	if err := os.WriteFile(file, []byte("50"), 0); err != nil {
		t.Fatal(err)
	}
	start(t, n, "bomb")
	eventually(t, "it is refused another process", func() bool {
		for line := range strings.Lines(readFile(t, filepath.Join(group, "pids.events"))) {
			if name, times, _ := strings.Cut(strings.TrimSpace(line), " "); name == "max" && times != "0" {
				return true
			}
		}
		return false
	})
	if forks := strings.Count(readFile(t, filepath.Join(spec.LogDir, "forks")), "\n"); forks == 0 || forks > 50 {
		t.Errorf("it made %d processes", forks)
	}
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, spec, n.PID())
}
