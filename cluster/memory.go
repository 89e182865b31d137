package cluster

import (
	"context"
	"runtime/debug"
	"time"
)

// How much the heap may grow between two collections, in per cent: while the cluster
// starts, when garbage is plenty and time is short; and afterwards, for hours.
const (
	startPercent = 400
	idlePercent  = 40
)

// settleTime is how long after the start its garbage is given back to the machine.
const settleTime = 5 * time.Second

// favourSpeed lets the start run without collecting much; what it returns undoes it.
func favourSpeed() func(context.Context) error {
	before := debug.SetGCPercent(startPercent)
	return func(context.Context) error {
		debug.SetGCPercent(before)
		return nil
	}
}

// favourMemory keeps the heap small from now on.
func favourMemory() {
	debug.SetGCPercent(idlePercent)
	time.AfterFunc(settleTime, debug.FreeOSMemory)
}
