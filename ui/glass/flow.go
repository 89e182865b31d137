package glass

import (
	"context"
	"time"

	"kubarium/cluster/trace"
)

const (
	// keep is how many events a pane has, pace how often they come at most.
	keep = 300
	pace = 150 * time.Millisecond
)

// Batch is what has happened since the one before, for each pane.
type Batch struct {
	events [panes][]trace.Event
	counts [panes]int
	// last is the newest event that was looked at, lost how many were overwritten before.
	last, lost uint64
}

// Flow gives the next batch after an event, and waits until there is one; false is the end.
type Flow func(ctx context.Context, after uint64) (Batch, bool)

// Watch is the flow of a trace.
func Watch(store *trace.Store) Flow {
	return func(ctx context.Context, after uint64) (Batch, bool) {
		if store.Wait(ctx, after) != nil {
			return Batch{}, false
		}
		// What comes in this time comes together.
		timer := time.NewTimer(pace)
		defer timer.Stop()
		select {
		case <-timer.C:
			return Read(store, after), true
		case <-ctx.Done():
			return Batch{}, false
		}
	}
}

// Read gathers what a trace has after an event. Of each pane only as many events are
// decoded as it can hold.
func Read(store *trace.Store, after uint64) Batch {
	var b Batch
	var wanted [panes][]uint64
	seen := uint64(0)
	b.last = store.Scan(after, func(e trace.Event) {
		seen++
		at := paneOf(e)
		if at < 0 {
			return
		}
		b.counts[at]++
		wanted[at] = append(wanted[at], e.Seq)
		if len(wanted[at]) > 2*keep {
			wanted[at] = append(wanted[at][:0], wanted[at][keep:]...)
		}
	})
	if after > 0 {
		b.lost = b.last - after - seen
	}
	for at, list := range wanted {
		for _, seq := range list[max(0, len(list)-keep):] {
			if e, ok := store.Event(seq); ok {
				b.events[at] = append(b.events[at], e)
			}
		}
	}
	return b
}

// The panes, in order.
const (
	requests = iota
	writes
	attempts
	controllers
	nodes
	purposes
	panes
)

// paneOf is where an event is shown; -1 if nowhere.
func paneOf(e trace.Event) int {
	switch e.Component {
	case "kube-apiserver":
		return requests
	case "etcd":
		return writes
	case "kube-scheduler":
		return attempts
	case "kube-controller-manager":
		return controllers
	case "kubelet", "kube-proxy":
		return nodes
	case "fault", "hold":
		return purposes
	}
	return -1
}
