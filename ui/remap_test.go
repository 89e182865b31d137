package ui

import (
	"strings"
	"testing"

	"kubarium/ui/keys"
)

// TestOtherKeys gives actions of the app, of panes and of tables other keys.
func TestOtherKeys(t *testing.T) {
	d := up(t, 120, 40, func(o *Options) {
		o.Keys = keys.Remap{"map": {"M"}, "describe": {"D"}, "open": {"ctrl+p"}, "find": {"f2"}, "yaml": {"Y"}}
	})
	d.sees("M map")
	d.press("m")
	d.sees("Events")
	d.press("M")
	d.seesNot("Events")
	d.press("M", "3", "down", "Y")
	d.sees("kind: Pod")
	d.press("esc", "?")
	d.sees("f2        find an object")
}

// TestActionsHaveNames checks that each thing that a key does has one name, and no two
// of the same place have the same.
func TestActionsHaveNames(t *testing.T) {
	for _, g := range Actions() {
		seen := map[string]bool{}
		for _, b := range g.Set {
			name := b.Name()
			if b.Action == keys.Fixed {
				continue
			}
			if seen[name] || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" {
				t.Errorf("%s: action %q (%v)", g.Title, name, b.Keys)
			}
			seen[name] = true
		}
	}
}

// TestShownKeysAreListed checks that what can be done on a screen is in the list of
// actions.
func TestShownKeysAreListed(t *testing.T) {
	known := map[string]bool{}
	for _, g := range Actions() {
		for _, b := range g.Set {
			known[b.Name()] = true
		}
	}
	d := withTables(up(t, 200, 60))
	for _, press := range [][]string{{"1"}, {"1", "right", "l"}, {"2"}, {"2", "enter"}, {"3"}, {"3", "l"}, {"4"}, {"4", "enter"}, {"5"}} {
		d.press(press...)
		for _, b := range append(d.app.focused().Set, d.app.globals()...) {
			if b.Action != keys.Fixed && !known[b.Name()] {
				t.Errorf("after %v: %q (%v) is not listed", press, b.Name(), b.Keys)
			}
		}
		d.press("esc")
	}
}
