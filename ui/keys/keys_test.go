package keys

import (
	"testing"

	tea "charm.land/bubbletea/v2"
)

func TestDispatch(t *testing.T) {
	ran := ""
	run := func(name string) func() tea.Cmd { return func() tea.Cmd { ran = name; return nil } }
	set := Set{
		{Keys: []string{"a", "b"}, Run: run("first")},
		{Keys: []string{"b"}, Run: run("second")},
		{Keys: []string{"c"}, Run: run("third"), Disabled: func() string { return "not now" }},
	}
	if _, ok := set.Dispatch("b"); !ok || ran != "first" {
		t.Errorf("b ran %q", ran)
	}
	cmd, ok := set.Dispatch("c")
	if !ok || ran != "first" {
		t.Fatalf("c ran %q", ran)
	}
	if msg, ok := cmd().(DisabledMsg); !ok || msg.Why != "not now" {
		t.Errorf("c says %+v", msg)
	}
	if _, ok := set.Dispatch("d"); ok {
		t.Error("d is known")
	}
}
