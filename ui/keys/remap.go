package keys

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Remap gives actions keys other than their own, by the actions' names.
type Remap map[string][]string

// Apply returns the set with the user's keys.
func (m Remap) Apply(set Set) Set {
	if len(m) == 0 {
		return set
	}
	out := slices.Clone(set)
	for i, b := range out {
		if list, ok := m[b.Name()]; ok && b.Action != Fixed {
			out[i].Keys, out[i].Label = list, ""
			if len(list) == 0 {
				out[i].Bar = false
			}
		}
	}
	return out
}

// Typing returns the set with the user's keys as it is where text is typed: of the user's, keys that
// write or move there go on to do so, and an action that would have no others keeps its own. It is not
// remapped again.
func (m Remap) Typing(set Set) Set {
	out := slices.Clone(m.Apply(set))
	for i := range out {
		b := &out[i]
		own := func(key string) bool { return slices.Contains(set[i].Keys, key) }
		if kept := slices.DeleteFunc(slices.Clone(b.Keys), func(k string) bool { return writes(k) && !own(k) }); len(kept) > 0 {
			b.Keys = kept
		} else if len(b.Keys) > 0 {
			b.Keys, b.Label = set[i].Keys, set[i].Label
		}
		b.Action = Fixed
	}
	return out
}

// writes reports whether a key does something to a text: all do but those with ctrl or alt, esc and the
// function keys.
func writes(key string) bool {
	function := len(key) > 1 && key[0] == 'f'
	return !function && key != "esc" && !strings.HasPrefix(key, "ctrl+") && !strings.HasPrefix(key, "alt+")
}

// Everywhere is the title of the group whose keys work beside those of all others.
const Everywhere = "everywhere"

// Problem is what is wrong with the keys of an action.
type Problem struct {
	Action, Text string
}

// Check says which actions there are not, and which keys would be of two actions. A
// key that both have from the start is fine: what has the focus comes first.
func (m Remap) Check(groups []Group) []Problem {
	var problems []Problem
	for _, action := range slices.Sorted(maps.Keys(m)) {
		if text := m.check(action, groups); text != "" {
			problems = append(problems, Problem{Action: action, Text: text})
		}
	}
	return problems
}

func (m Remap) check(action string, groups []Group) string {
	known := false
	for _, g := range groups {
		for _, b := range g.Set {
			if b.Name() != action || b.Action == Fixed {
				continue
			}
			known = true
			for _, k := range m[action] {
				if text := m.clash(k, b, g, groups); text != "" {
					return text
				}
			}
		}
	}
	if !known {
		return fmt.Sprintf("there is no action %q; 'kubarium config' lists them", action)
	}
	return ""
}

// clash looks for another action that the key would be of where mine works.
func (m Remap) clash(key string, mine Binding, in Group, groups []Group) string {
	if err := checkKey(key); err != "" {
		return err
	}
	for _, g := range groups {
		if g.Title != in.Title && (g.Title != Everywhere && in.Title != Everywhere || g.Alone || in.Alone) {
			continue
		}
		for _, b := range g.Set {
			same := b.Name() == mine.Name() && b.Action != Fixed
			if same || slices.Contains(b.Keys, key) && slices.Contains(mine.Keys, key) {
				continue
			}
			has := b.Keys
			if list, ok := m[b.Name()]; ok && b.Action != Fixed {
				has = list
			}
			if slices.Contains(has, key) {
				return fmt.Sprintf("the key %q is that of %q already (%s): choose another for one of them", key, b.Name(), g.Title)
			}
		}
	}
	return ""
}

// checkKey says what is wrong with the name of a key.
func checkKey(key string) string {
	parts := strings.Split(strings.TrimSuffix(key, "+"), "+")
	last := parts[len(parts)-1]
	if strings.HasSuffix(key, "+") {
		last = "+"
	}
	for _, modifier := range parts[:len(parts)-1] {
		if !slices.Contains([]string{"ctrl", "alt", "shift", "meta", "super", "hyper"}, modifier) {
			return fmt.Sprintf("%q is no key: %q is none of ctrl, alt, shift, meta, super", key, modifier)
		}
	}
	switch {
	case key == "ctrl+c":
		return "ctrl+c always quits: choose another key"
	case len(parts) > 1 && parts[0] == "shift" && utf8.RuneCountInString(last) == 1:
		return fmt.Sprintf("%q is no key: write the letter that it types, such as %q", key, strings.ToUpper(last))
	case utf8.RuneCountInString(last) == 1 && last != " " || slices.Contains(named(), last):
		return ""
	}
	return fmt.Sprintf("%q is no key: write what it types, or one of %s, with ctrl+ or alt+ before it", key, strings.Join(named(), ", "))
}

// named are the keys that type nothing.
func named() []string {
	list := []string{"enter", "esc", "tab", "space", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end", "pgup", "pgdown"}
	for i := range 12 {
		list = append(list, fmt.Sprintf("f%d", i+1))
	}
	return list
}
