package cluster

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"kubarium/cluster/node"
)

// share is the part of the machine that a node offers to pods. All nodes see the
// same machine; they differ in how much of it they keep back, so that the scheduler
// has something to decide.
type share struct{ cpu, memory float64 }

// shares by node: large, middle, small, and again.
var shares = [...]share{{1, 0.45}, {0.75, 0.3}, {0.5, 0.15}}

// minMemory is the least a node offers, in bytes: below it hardly a pod fits.
const minMemory = 512 << 20

// reservedFor returns what the node of the given number keeps back.
func reservedFor(index int) node.Resources {
	return reserve(shares[(index-1)%len(shares)], runtime.NumCPU(), totalMemory())
}

func reserve(s share, cpus int, memory int64) node.Resources {
	offered := max(int64(float64(memory)*s.memory), min(minMemory, memory/2))
	return node.Resources{
		MilliCPU:    int64(float64(cpus*1000) * (1 - s.cpu)),
		MemoryBytes: memory - offered,
	}
}

// totalMemory reads the machine's memory, in bytes; 2 GiB if it does not tell.
func totalMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 2 << 30
	}
	for _, line := range strings.Split(string(data), "\n") {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 2 << 30
}
