package watch

import (
	"time"

	"kubarium/ui/facts"
)

// Tally is what the pods of a snapshot come to. They are counted where it is made: the app
// would do it several times for each frame, while a key waits.
type Tally struct {
	// States is how many pods are in which state.
	States [facts.Unknown + 1]int
	// Waiting are the pods without a node.
	Waiting []*facts.Pod
	// Youngest is when the newest pod was made. Moved is when the last one that is on its way
	// to another state began to be: what takes long is stuck.
	Youngest, Moved time.Time
}

func tally(pods []*facts.Pod) Tally {
	var t Tally
	for _, p := range pods {
		t.States[p.State]++
		o := p.Object
		if o.Spec.NodeName == "" && !p.Done() {
			t.Waiting = append(t.Waiting, p)
		}
		since := o.CreationTimestamp.Time
		t.Youngest = later(t.Youngest, since)
		switch p.State {
		case facts.Creating, facts.Pulling:
		case facts.Restarting:
			since = p.LastRestart
		case facts.Terminating:
			if at := o.DeletionTimestamp; at != nil {
				since = at.Time
			}
		default:
			continue
		}
		t.Moved = later(t.Moved, since)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
