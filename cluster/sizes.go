package cluster

import (
	"runtime"

	"kubarium/cluster/machine"
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
	total := machine.Memory("MemTotal:", 2<<30)
	// The nodes' cgroups are right below the topmost that is seen. Those by which the program
	// itself was started, as by systemd, are not above them.
	return reserve(shares[(index-1)%len(shares)], runtime.NumCPU(), total, machine.Contained(machine.CgroupRoot, total))
}

// reserve divides what nodes may have of the machine's memory. A kubelet knows the machine's
// alone, and offers what is not kept back of that.
func reserve(s share, cpus int, memory, ofNodes int64) node.Resources {
	offered := max(int64(float64(ofNodes)*s.memory), min(minMemory, ofNodes/2))
	return node.Resources{
		MilliCPU:    int64(float64(cpus*1000) * (1 - s.cpu)),
		MemoryBytes: memory - offered,
	}
}
