package trace

import "sort"

// ring keeps events in the order of Seq, the newest ones up to a limit in bytes.
type ring struct {
	limit int
	// list has count entries from first on, and goes round.
	list         []entry
	first, count int
	bytes        int
	// late are the numbers of those that may hold on to something.
	late []uint64
}

func (r *ring) at(i int) *entry { return &r.list[(r.first+i)%len(r.list)] }

// find is where the first event is whose Seq is not less; count if there is none.
func (r *ring) find(seq uint64) int {
	return sort.Search(r.count, func(i int) bool { return r.at(i).seq >= seq })
}

func (r *ring) push(e entry) {
	if r.count == len(r.list) {
		grown := make([]entry, max(64, 2*len(r.list)))
		for i := range r.count {
			grown[i] = *r.at(i)
		}
		r.list, r.first = grown, 0
	}
	r.count++
	*r.at(r.count - 1) = e
	r.bytes += e.size()
	if e.late.Size > 0 {
		r.late = append(r.late, e.seq)
	}
}

// pop takes the oldest away.
func (r *ring) pop() entry {
	e := *r.at(0)
	*r.at(0) = entry{}
	r.first = (r.first + 1) % len(r.list)
	r.count--
	r.bytes -= e.size()
	if len(r.late) > 0 && r.late[0] == e.seq {
		r.late = r.late[1:]
	}
	return e
}

// fixedSize is what an event takes beside its words: in the ring, and for what completes it.
const fixedSize = 192

// size is about how many bytes of memory the event takes.
func (e *entry) size() int { return fixedSize + len(e.packed) }

// Again is a field of events that say the same as one before.
const Again = "again"

// Routine reports whether an event only says again that somebody lives, or is as before: one
// node does so more often than a learner changes anything.
func Routine(e Event) bool {
	switch e.Object.Resource {
	case "leases", "masterleases", "peerserverleases":
		return e.Verb != "create" && e.Verb != "delete"
	}
	return e.Fields[Again] != ""
}
