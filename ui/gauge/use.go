package gauge

import (
	"fmt"
	"math"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Use is what something uses.
type Use struct {
	// CPU is in cores, Memory in bytes.
	CPU, Memory float64
}

// Millicores is the CPU in thousandths of a core, rounded up as kubectl top does.
func (u Use) Millicores() int64 {
	// What a sum of decimal fractions is too much must not count as a thousandth.
	return int64(math.Ceil(u.CPU*1000 - 1e-6))
}

// Cores writes the CPU as kubectl top does: "12m".
func (u Use) Cores() string { return fmt.Sprintf("%dm", u.Millicores()) }

// Size writes the memory as kubectl top does: "34Mi".
func (u Use) Size() string { return fmt.Sprintf("%dMi", int64(u.Memory)/(1<<20)) }

// Share writes what part of all something is: "7%"; "" if nobody knows what all is.
func Share(part, all float64) string {
	if all <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", int64(part/all*100))
}

// meter keeps what all of a kind use, as it is told to people. What sways about a number stays
// as it was: it is not worth a frame.
type meter struct {
	// uses is nil unless they are known. They were told last at that time.
	uses map[string]Use
	told time.Time
	// What is another number differs by at least that much, and by that part of it.
	cpu, memory           float64
	cpuShare, memoryShare float64
}

// A node's use is a bar some cells wide and a number; a pod's is a small number.
func nodeMeter() meter {
	return meter{cpu: 0.05, cpuShare: 0.1, memory: 8 << 20, memoryShare: 0.02}
}

func podMeter() meter {
	return meter{cpu: 0.003, cpuShare: 0.1, memory: 1 << 20, memoryShare: 0.02}
}

// patience is how long the last word counts while there is no new one.
const patience = time.Minute

// take takes over an answer, and reports whether it is news. Of who has no metrics, or no right
// to them, nothing is known; a metrics server that is away for a moment changes nothing.
func (m *meter) take(cpu, memory map[string]float64, err error) bool {
	if err != nil {
		final := apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
		if m.uses == nil || !final && time.Since(m.told) < patience {
			return false
		}
		m.uses = nil
		return true
	}
	m.told = time.Now()
	uses, changed := make(map[string]Use, len(cpu)), m.uses == nil || len(m.uses) != len(cpu)
	for name, n := range cpu {
		u := Use{CPU: n, Memory: memory[name]}
		if before, known := m.uses[name]; known && !m.differ(before, u) {
			u = before
		} else {
			changed = true
		}
		uses[name] = u
	}
	if changed {
		m.uses = uses
	}
	return changed
}

func (m *meter) differ(before, now Use) bool {
	return math.Abs(now.CPU-before.CPU) >= max(m.cpu, before.CPU*m.cpuShare) ||
		math.Abs(now.Memory-before.Memory) >= max(m.memory, before.Memory*m.memoryShare)
}
