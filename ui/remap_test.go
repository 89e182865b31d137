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

// TestOtherKeysOfTheEditor: its own actions have the user's keys at each stage.
func TestOtherKeysOfTheEditor(t *testing.T) {
	d := editing(t, 120, 40, func(o *Options) {
		o.Keys = keys.Remap{"check": {"f5"}, "save": {"S"}, "write-on": {"w"}}
	})
	d.press("ctrl+s")
	d.sees("f5 check")
	d.write("# ")
	d.press("f5")
	d.sees("S save", "w write on")
	d.press("w")
	d.sees("f5 check")
	d.press("f5", "enter", "y")
	d.sees("S save")
	d.press("S")
	d.seesNot("S save")
}

// TestOtherKeysInDialogs: they have the user's keys, too, and say so; esc leaves them always.
func TestOtherKeysInDialogs(t *testing.T) {
	d := up(t, 120, 40, func(o *Options) {
		o.Keys = keys.Remap{"yes": {"J"}, "no": {"N"}, "down": {"s"}, "choose-this": {"right"}, "close-help": {"X"}}
	})
	d.press("3", "d")
	d.sees("J delete", "N keep everything")
	d.press("y", "enter", "n", "q")
	if len(d.app.dialogs) != 1 || len(d.fake.deleted) > 0 {
		t.Fatalf("keys that were given away answered: %d dialogs, deleted %v", len(d.app.dialogs), d.fake.deleted)
	}
	d.clickOn("N keep everything")
	d.press("d", "esc", "d", "N", "d", "J")
	if len(d.app.dialogs) > 0 || len(d.fake.deleted) != 1 {
		t.Fatalf("%d dialogs, deleted %v", len(d.app.dialogs), d.fake.deleted)
	}
	d.press("n")
	d.sees("right choose")
	d.press("s", "enter", "right")
	d.sees("namespace ")
	d.press("ctrl+p")
	d.write("sX")
	d.sees("> sX")
	d.press("ctrl+p")
	d.seesNot("> sX")
	d.press("?", "q")
	d.sees("Keys and signs")
	d.press("X")
	d.seesNot("Keys and signs")
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
