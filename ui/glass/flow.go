package glass

import (
	"context"
	"slices"
	"time"

	"kubarium/cluster/trace"
	"kubarium/ui/pane"
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

// Want is what is asked of a flow: what happened after an event and, unless Until is 0, up
// to another.
type Want struct {
	After, Until uint64
	// likely says by an event as it was seen whether a pane may show it, shows by all that
	// is known of it whether it does: to find that out costs.
	likely, shows func(at int, e trace.Event) bool
}

// Flow gives the next batch, and waits until there is one; false is the end.
type Flow func(ctx context.Context, want Want) (Batch, bool)

// Watch is the flow of a trace.
func Watch(store *trace.Store) Flow {
	return func(ctx context.Context, want Want) (Batch, bool) {
		if store.Wait(ctx, want.After) != nil {
			return Batch{}, false
		}
		// What comes in this time comes together.
		timer := time.NewTimer(pace)
		defer timer.Stop()
		select {
		case <-timer.C:
			b := Read(ctx, store, want)
			return b, ctx.Err() == nil
		case <-ctx.Done():
			return Batch{}, false
		}
	}
}

// Read gathers what a trace has: of what each pane shows, the newest that it can hold.
// Only what may be shown is completed, and no more of it than is needed.
func Read(ctx context.Context, store *trace.Store, want Want) Batch {
	var b Batch
	var likely [panes][]uint64
	seen := uint64(0)
	shown := func(e trace.Event) bool {
		seen++
		return paneOf(e) >= 0 && (want.Until == 0 || e.Seq <= want.Until)
	}
	b.last = store.Scan(want.After, shown, func(e trace.Event) {
		at := paneOf(e)
		b.counts[at]++
		if want.likely(at, e) {
			likely[at] = append(likely[at], e.Seq)
		}
	})
	if want.After > 0 {
		b.lost = b.last - want.After - seen
	}
	if want.Until > 0 {
		b.last = min(b.last, want.Until)
	}
	for at, list := range likely {
		for _, seq := range slices.Backward(list) {
			if len(b.events[at]) == keep || ctx.Err() != nil {
				break
			}
			if e, ok := store.Event(seq); ok && want.shows(at, e) {
				b.events[at] = append(b.events[at], e)
			}
		}
		slices.Reverse(b.events[at])
	}
	return b
}

// filter says what the panes show.
type filter struct {
	namespace, text string
	// reads says that requests are shown that only read, beats that heartbeats are.
	reads, beats bool
}

// likely leaves out what is not shown whatever the rest of the event is. The namespace of a
// write to etcd, and the words of most events, are found out later.
func (f filter) likely(at int, e trace.Event) bool {
	if at == requests && !f.reads && !trace.Changes(e.Verb) && e.Verb != "notify" {
		return false
	}
	return f.beats || !trace.Routine(e)
}

func (f filter) shows(at int, e trace.Event) bool {
	if !f.likely(at, e) {
		return false
	}
	if f.namespace == "" && f.text == "" {
		return true
	}
	ctx := pane.Context{Namespace: f.namespace, Text: f.text}
	return ctx.Shows(e.Object.Namespace, e.Object.String(), e.Actor, e.Verb, e.Detail)
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
