// Package memory keeps an idle process small: the garbage that the start of Kubernetes
// leaves behind goes back to the machine.
package memory

import (
	"runtime/debug"
	"time"
)

// How much the heap may grow between two collections, in per cent. A larger figure
// while the cluster starts would be faster by little, and scatter what lives over a
// heap twice the size, for good.
const (
	startPercent = 150
	idlePercent  = 40
)

// Starting lets the start run with less collecting; what it returns undoes it.
func Starting() (undo func()) {
	before := debug.SetGCPercent(startPercent)
	return func() { debug.SetGCPercent(before) }
}

// SettleAfter gives memory back once the process has come to rest.
func SettleAfter(rest time.Duration) *time.Timer {
	return time.AfterFunc(rest, func() {
		debug.SetGCPercent(idlePercent)
		debug.FreeOSMemory()
		// A process that keeps its pages works as well.
		_ = MapProgramByPage()
	})
}
