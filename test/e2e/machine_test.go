package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is what a cluster could leave behind.
type machine map[string]string

// look sees what a cluster could leave on the machine. Other clusters may run: of
// cgroups, it sees those of this run's whose name begins as told.
func look(cluster string) (machine, error) {
	m := machine{}
	for name, command := range map[string]string{
		// The disk of the test with full disks comes and goes beside others.
		"mounts":   "cut -d' ' -f4- /proc/self/mountinfo | grep -v '/" + diskName + "[/ ]'",
		"links":    "ip -o link",
		"routes":   "ip route",
		"netns":    "ip netns",
		"nftables": "nft list ruleset",
		// Cgroups of others go while find looks, which is no failure.
		"cgroups": "find /sys/fs/cgroup -type d -path '*/kubarium/" + uniqueName(cluster+"*") + "*' 2>/dev/null || true",
		"run":     "ls /run",
		"sysctl":  "cd /proc/sys && cat net/ipv4/ip_forward vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys",
	} {
		out, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		lines := strings.Split(string(out), "\n")
		slices.Sort(lines)
		m[name] = strings.Join(lines, "\n")
	}
	return m, nil
}

// differences tells what is not as it was.
func (m machine) differences(after machine, except ...string) string {
	var told strings.Builder
	for name := range m {
		if m[name] != after[name] && !slices.Contains(except, name) {
			fmt.Fprintf(&told, "%s before:\n%s\n%s after:\n%s\n", name, m[name], name, after[name])
		}
	}
	return told.String()
}

// compare fails the test when the machine is not as it was.
func (m machine) compare(t *testing.T, when, cluster string, except ...string) {
	t.Helper()
	after, err := look(cluster)
	if err != nil {
		t.Fatal(err)
	}
	if told := m.differences(after, except...); told != "" {
		t.Errorf("%s, the machine differs:\n%s", when, told)
	}
}

// processes lists what runs of the cluster, or of one node of it: by control group,
// and by what every process inherits from its parent.
func (c *testCluster) processes(t *testing.T, node string) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		inGroup := strings.Contains(string(groups), "/kubarium/"+c.name) && strings.Contains(string(groups), "/"+node)
		inherits := node == "" && strings.Contains(string(environment), "TMPDIR="+c.temporary())
		if inGroup || inherits {
			name, _ := os.ReadFile(filepath.Join(dir, "comm"))
			found = append(found, filepath.Base(dir)+" "+strings.TrimSpace(string(name)))
		}
	}
	return found
}
