package rewind

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// Change is one thing that the user did: a request, or several of one command.
type Change struct {
	Time time.Time `json:"time"`
	// First and Last are the revisions that it wrote.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Command is kubectl's, without its arguments: "kubectl create".
	Command string `json:"command,omitempty"`
	// What says it in words: "create deployments.apps/default/web".
	What []string `json:"what"`
	// Undone says that it was taken back.
	Undone bool `json:"undone"`

	agent, session string
}

// oneCommand is how close requests of one program are that belong to one command.
const oneCommand = 800 * time.Millisecond

// userName is the administrator's, whose kubeconfig the user has.
const userName = "kubernetes-admin"

// OwnAgent is the user agent of requests that this program makes as the administrator, and nobody
// else asked for. client-go's own would be what the program's file happens to be called.
const OwnAgent = "kubarium/cluster"

// Changes finds what the user did in what the taps saw, in the order in which it was answered.
func Changes(store *trace.Store) []Change {
	var changes []Change
	store.Scan(0, isUsers, func(e trace.Event) {
		revisions := revisionsOf(e)
		if len(revisions) == 0 {
			return
		}
		what := e.Verb + " " + e.Object.String()
		if n := len(changes); n > 0 && changes[n-1].goesOn(e) {
			c := &changes[n-1]
			c.Time, c.First, c.Last = e.Time, min(c.First, revisions[0]), max(c.Last, revisions[len(revisions)-1])
			c.What = append(c.What, what)
			return
		}
		changes = append(changes, Change{
			Time: e.Time, First: revisions[0], Last: revisions[len(revisions)-1], What: []string{what},
			Command: e.Fields["command"], agent: e.Agent, session: e.Fields["session"],
		})
	})
	return changes
}

// goesOn reports whether a request belongs to the same command: kubectl says which, of
// others it is told by the time.
func (c Change) goesOn(e trace.Event) bool {
	if c.session != "" || e.Fields["session"] != "" {
		return c.session == e.Fields["session"]
	}
	return c.agent == e.Agent && e.Time.Sub(c.Time) < oneCommand
}

// isUsers reports whether an event may be a write of the user's, without its fields.
func isUsers(e trace.Event) bool {
	// The app's own requests, by another name, are the user's.
	if e.Component != "kube-apiserver" || e.Actor != userName || e.Agent == OwnAgent {
		return false
	}
	switch e.Verb {
	case "get", "list", "watch":
		return false
	}
	return e.Object.Resource != "leases" && e.Object.Resource != "events"
}

// revisionsOf returns what a request wrote, nothing for other events.
func revisionsOf(e trace.Event) []int64 {
	var revisions []int64
	for _, text := range strings.Split(e.Fields["revisions"], ",") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			revisions = append(revisions, n)
		}
	}
	slices.Sort(revisions)
	return revisions
}

// rewindsKept bounds how many a Timeline remembers.
const rewindsKept = 100

// Timeline knows which of the user's changes were taken back, and when the user had the cluster
// brought back otherwise: that is a change, too.
type Timeline struct {
	undone  map[int64]bool
	steps   []step
	rewinds []Change
}

// step is one undo: the change, and the revision that took it back.
type step struct{ first, revision int64 }

// Rewound notes that the user had the cluster brought back, by a write of one revision.
func (t *Timeline) Rewound(what string, at time.Time, revision int64) {
	t.rewinds = append(t.rewinds, Change{Time: at, First: revision, Last: revision, What: []string{what}})
	t.rewinds = slices.Delete(t.rewinds, 0, max(0, len(t.rewinds)-rewindsKept))
}

// Mark adds the rewinds to what the user changed, and sets which are undone.
func (t *Timeline) Mark(changes []Change) []Change {
	changes = slices.Concat(changes, t.rewinds)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.First, b.First) })
	for i := range changes {
		changes[i].Undone = t.undone[changes[i].First]
	}
	return changes
}

// ToUndo is the newest change that is not undone.
func (t *Timeline) ToUndo(changes []Change) (Change, bool) {
	for _, c := range slices.Backward(t.Mark(changes)) {
		if !c.Undone {
			return c, true
		}
	}
	return Change{}, false
}

// Undid notes that the change beginning at first was taken back by a revision; 0 is that nothing
// was left of it, and so there is nothing to do again.
func (t *Timeline) Undid(first, revision int64) {
	if t.undone == nil {
		t.undone = map[int64]bool{}
	}
	t.undone[first] = true
	if revision == 0 {
		return
	}
	t.steps = append(t.steps, step{first, revision})
}

// ToRedo is the revision before the last undo; none if the user has changed something
// since.
func (t *Timeline) ToRedo(changes []Change) (revision int64, ok bool) {
	if len(t.steps) == 0 {
		return 0, false
	}
	last := t.steps[len(t.steps)-1]
	for _, c := range t.Mark(changes) {
		if c.First > last.revision {
			return 0, false
		}
	}
	return last.revision - 1, true
}

// Redid notes that the last undo was taken back itself.
func (t *Timeline) Redid() {
	last := t.steps[len(t.steps)-1]
	t.steps = t.steps[:len(t.steps)-1]
	delete(t.undone, last.first)
}
