package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mostTasks is how many processes and threads a node's pods and daemons may have together.
const mostTasks = 16384

// limitTasks sees to it that a pod that forks without end takes its node, as it would take a
// machine, and not the control plane: at most a quarter of what the host may have is a node's.
func (n *Node) limitTasks() error {
	most := mostTasks
	for _, name := range []string{"pid_max", "threads-max"} {
		data, err := os.ReadFile(filepath.Join("/proc/sys/kernel", name))
		if err != nil {
			return fmt.Errorf("ask how many threads there may be: %w", err)
		}
		limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			return fmt.Errorf("ask how many threads there may be: %w", err)
		}
		most = min(most, limit/4)
	}
	group, err := n.Cgroup("pids")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(group, "pids.max"), []byte(strconv.Itoa(most)), 0); err != nil {
		return fmt.Errorf("limit threads: %w", err)
	}
	return nil
}
