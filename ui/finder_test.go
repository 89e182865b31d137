package ui

import (
	"slices"
	"testing"

	"github.com/sahilm/fuzzy"
)

// TestFinderMarksWhatWasTyped marks a word where it is, not its letters here and there.
func TestFinderMarksWhatWasTyped(t *testing.T) {
	d := withTables(up(t, 100, 30))
	d.press("ctrl+p")
	d.write("Web")
	f, ok := d.app.dialogs[0].(*finder)
	if !ok {
		t.Fatal("no finder")
	}
	m := fuzzy.Match{Str: "pod shop/web-b9bf", MatchedIndexes: []int{9, 10, 13}}
	if got := f.matched(m); !slices.Equal(got, []int{9, 10, 11}) {
		t.Errorf("marked are %v", got)
	}
	m = fuzzy.Match{Str: "writes to etcd, below", MatchedIndexes: []int{0, 4, 16}}
	if got := f.matched(m); !slices.Equal(got, m.MatchedIndexes) {
		t.Errorf("marked are %v", got)
	}
}
