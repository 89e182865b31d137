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

// TestOtherKeysInTheEditor: the key that is shown works, and what is text stays text.
func TestOtherKeysInTheEditor(t *testing.T) {
	d := editing(t, 120, 40, func(o *Options) { o.Keys = keys.Remap{"explain": {"E", "f4"}} })
	d.sees("f4 explain")
	d.write("E")
	d.sees("EapiVersion")
	d.press("backspace", "f4")
	d.sees("explain apiVersion")
	d = editing(t, 120, 40, func(o *Options) { o.Keys = keys.Remap{"explain": {"E"}} })
	d.sees("f1 explain")
	d.write("E")
	d.sees("EapiVersion")
	d.press("backspace", "f1")
	d.sees("explain apiVersion")
}

// TestOtherKeysInThePast: one looks around there with one's own keys, too.
func TestOtherKeysInThePast(t *testing.T) {
	d, _ := withPast(t, 160, 40, func(o *Options) {
		o.Keys = keys.Remap{"map": {"M"}, "help": {"f4"}, "quit": {"Q"}, "rewind": {","}, "down": {"n"}, "namespace": {"N"}}
	})
	d.press(",")
	d.sees("then-4", "Events")
	d.press(",")
	d.sees("then-3")
	d.press("m", "q")
	d.sees("this is the past", "Events")
	d.press("M")
	d.seesNot("Events")
	d.press("M", "f4")
	d.sees("Keys and signs")
	d.press("esc", "Q")
	d.sees("Leave kubarium?")
	d.press("n", "N")
	d.sees("all namespaces")
}

// TestThePastIsOnlyLookedAt checks that what is named as harmless is there.
func TestThePastIsOnlyLookedAt(t *testing.T) {
	known := map[string]bool{}
	for _, g := range Actions() {
		for _, b := range g.Set {
			known[b.Name()] = true
		}
	}
	for _, name := range lookingAround() {
		if !known[name] {
			t.Errorf("%q is no action", name)
		}
	}
}
