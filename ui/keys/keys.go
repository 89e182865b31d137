// Package keys has key bindings as data. One table says what a key does, drives
// what happens, fills the key bar and the help page, and knows why a key does
// nothing just now.
package keys

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Binding is one thing that a key does.
type Binding struct {
	// Keys are the names that Bubble Tea gives them; the first is shown, unless
	// Label says otherwise.
	Keys  []string
	Label string
	// Desc says what it does in a word or two, for the key bar.
	Desc string
	// Long says it in a sentence, for the help page; Desc if empty.
	Long string
	// Run does it. It is called in the program's update goroutine.
	Run func() tea.Cmd
	// Disabled says why it cannot be done now; nil or "" if it can.
	Disabled func() string
	// Bar puts it in the key bar.
	Bar bool
	// Always keeps room for it there.
	Always bool
	// Action is the name by which it is given other keys; "" is Desc, with dashes for
	// blanks. Those whose Desc changes need one.
	Action string
}

// Fixed is the action of a binding that keeps its keys.
const Fixed = "-"

// Name is the action's name.
func (b Binding) Name() string {
	if b.Action != "" {
		return b.Action
	}
	return strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(b.Desc))
}

// Set is a table of bindings; the first that fits wins.
type Set []Binding

// Shown is how the binding's key is written on the screen.
func (b Binding) Shown() string {
	if b.Label != "" {
		return b.Label
	}
	if len(b.Keys) == 0 {
		return ""
	}
	return b.Keys[0]
}

// Explain is the help page's sentence.
func (b Binding) Explain() string {
	if b.Long != "" {
		return b.Long
	}
	return b.Desc
}

// Why says why the binding is disabled; "" if it is not.
func (b Binding) Why() string {
	if b.Disabled == nil {
		return ""
	}
	return b.Disabled()
}

// Find is the binding for a key.
func (s Set) Find(key string) (Binding, bool) {
	for _, b := range s {
		for _, k := range b.Keys {
			if k == key {
				return b, true
			}
		}
	}
	return Binding{}, false
}

// Scrolling are the keys by which a text is read on, by lines or by pages.
func Scrolling(lines, pages func(by int)) Set {
	do := func(f func(by int), by int) func() tea.Cmd {
		return func() tea.Cmd { f(by); return nil }
	}
	return Set{
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: do(lines, 1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: do(lines, -1)},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: do(pages, 1)},
		{Keys: []string{"pgup"}, Desc: "page up", Run: do(pages, -1)},
	}
}

// DisabledMsg says that a key was pressed which does nothing now, and why.
type DisabledMsg struct {
	Why string
}

// Dispatch does what the key is for. It reports whether the set knows the key.
func (s Set) Dispatch(key string) (tea.Cmd, bool) {
	b, ok := s.Find(key)
	if !ok {
		return nil, false
	}
	if why := b.Why(); why != "" {
		return func() tea.Msg { return DisabledMsg{Why: why} }, true
	}
	if b.Run == nil {
		return nil, true
	}
	return b.Run(), true
}

// Group is a set with a heading, for the help page.
type Group struct {
	Title string
	Set   Set
	// Alone says that no other keys work while these do.
	Alone bool
}
