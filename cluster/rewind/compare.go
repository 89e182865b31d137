package rewind

import (
	"bytes"
	"maps"
	"slices"

	"kubarium/cluster/stored"
)

// Now names the newest state, where points are named.
const Now = "now"

// Difference is an object that two states have not in common.
type Difference struct {
	// Verb says what happened from one to the other: create, update or delete.
	Verb string `json:"verb"`
	Key  string `json:"key"`
	// Changes are those of an update, as "path: old -> new"; Trouble says why they can't
	// be told.
	Changes []string `json:"changes,omitempty"`
	Trouble string   `json:"trouble,omitempty"`
}

// Compare tells what has changed from one state to another, by key.
func Compare(from, to State) []Difference {
	keys := maps.Clone(from.Keys)
	maps.Copy(keys, to.Keys)
	differences := []Difference{}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, existed := from.Keys[key]
		is, there := to.Keys[key]
		d := Difference{Key: key}
		switch {
		case !existed:
			d.Verb = "create"
		case !there:
			d.Verb = "delete"
		case bytes.Equal(was.Value, is.Value):
			continue
		default:
			d.Verb = "update"
			var err error
			if d.Changes, err = stored.Change(&stored.Entry{Key: key, Value: was.Value}, stored.Entry{Key: key, Value: is.Value}); err != nil {
				d.Trouble = err.Error()
			}
		}
		differences = append(differences, d)
	}
	return differences
}
