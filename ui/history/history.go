// Package history knows the moments that a cluster can be shown at: one for each write to
// etcd that its taps have seen.
package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// Moment is the state after one write.
type Moment struct {
	Revision int64
	Time     time.Time
	// What was written: "create pods/default/web".
	What string
	more int
}

// String is what was written, with how much else was in the same transaction.
func (m Moment) String() string {
	if m.more > 0 {
		return fmt.Sprintf("%s and %d more", m.What, m.more)
	}
	return m.What
}

// unseen are writes after which nobody would see a difference.
var unseen = []string{"/registry/leases/", "/registry/masterleases/", "/registry/events/"}

// Moments are those of which the taps know, oldest first.
func Moments(store *trace.Store) []Moment {
	var list []Moment
	if store == nil {
		return nil
	}
	written := func(e trace.Event) bool { return e.Component == "etcd" }
	store.Scan(0, written, func(e trace.Event) {
		if revision, err := strconv.ParseInt(e.Fields["revision"], 10, 64); err == nil {
			list = Add(list, revision, e.Time, e.Verb, e.Fields["key"])
		}
	})
	return list
}

// Add makes a moment of a write that came after the others, unless nobody would see it.
func Add(list []Moment, revision int64, at time.Time, verb, key string) []Moment {
	if hidden(key) {
		return list
	}
	if n := len(list); n > 0 && list[n-1].Revision == revision {
		list[n-1].more++
		return list
	}
	return append(list, Moment{Revision: revision, Time: at, What: verb + " " + strings.TrimPrefix(key, "/registry/")})
}

func hidden(key string) bool {
	for _, prefix := range unseen {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
