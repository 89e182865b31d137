package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/layout"
)

// TestKeyBarIsClicked: what stands in the bar does what its key does.
func TestKeyBarIsClicked(t *testing.T) {
	d := up(t, 200, 60)
	for _, c := range []struct{ on, sees string }{
		{"? help", "Keys and signs"}, {": kubectl", "tab completes"}, {"/ filter", "enter keeps the filter"}, {"q quit", "Leave kubarium?"},
	} {
		d.clickOn(c.on)
		d.sees(c.sees)
		d.press("esc")
		d.seesNot(c.sees)
	}
	d.press("3", "down", "down", "down")
	d.clickOn("l logs")
	d.sees("the log ends here")
	d.clickOn("esc back")
	d.sees("Control plane")
}

func TestDialogsAreClicked(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "d")
	d.clickOn("esc/n keep")
	if len(d.app.dialogs) > 0 || len(d.fake.deleted) > 0 {
		t.Fatalf("%d dialogs, deleted %v", len(d.app.dialogs), d.fake.deleted)
	}
	d.press("d")
	d.clickOn("is deleted for good")
	if len(d.fake.deleted) > 0 {
		t.Fatal("a click beside the answers answered")
	}
	d.clickOn("enter/y delete")
	if len(d.fake.deleted) != 1 {
		t.Error("a click on the answer did not answer")
	}
	d.press("n")
	d.clickOn("│   shop")
	d.sees("namespace shop")
	d.press("n")
	d.clickOn("│   all namespaces")
	d.seesNot("namespace shop")

	d.press("ctrl+p")
	d.write("coredns")
	d.clickOn("deployment kube-system/coredns")
	d.sees("What it wants")
	d.clickOn("esc back")

	d.press("?")
	before := d.screen()
	d.send(tea.MouseWheelMsg{X: 60, Y: 20, Button: tea.MouseWheelDown})
	if d.screen() == before {
		t.Error("the wheel does not turn the help page")
	}
	d.clickOn("esc back")
	d.seesNot("Keys and signs")
}

// TestHelpIsClicked: what the page tells of can be had there.
func TestHelpIsClicked(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		d := up(t, size[0], size[1])
		d.press("3", "?")
		d.clickOn("Keys and signs")
		d.clickOn("  Pods ")            // headings do nothing
		x, y := d.find("esc back     ") // nor does what is under the lines, though there are more
		d.send(tea.MouseClickMsg{X: x, Y: y - 1, Button: tea.MouseLeft})
		d.sees("Keys and signs")
		for range 20 {
			if strings.Contains(d.screen(), "show only one namespace") {
				break
			}
			d.press("down")
		}
		d.clickOn("show only one namespace")
		d.seesNot("Keys and signs")
		d.sees("all namespaces")
	}
}

// TestBootIsClicked: the start offers keys, and takes clicks on them.
func TestBootIsClicked(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		d := newDriver(t, size[0], size[1])
		d.send(componentsMsg(booting()))
		d.clickOn("q quit")
		d.sees("Leave kubarium?")
		d.press("esc")
		d.clickOn("look inside already")
		d.sees("Nodes")
	}
}

// TestThePastIsClicked: one may look around in it, and open nothing.
func TestThePastIsClicked(t *testing.T) {
	d, _ := withPast(t, 120, 40, plain)
	d.press("<")
	d.clickOn("Services")
	if d.app.focus != layout.Services {
		t.Errorf("the focus is on %s", d.app.focus)
	}
	d.clickOn("then-")
	d.clickOn("then-")
	d.sees("this is the past", "as it was at")
	if d.detail() != nil {
		t.Error("something of the past was opened as if it were there")
	}
	d.clickOn("esc now")
	d.seesNot("as it was at")
}

func TestHeadingsSort(t *testing.T) {
	d := withTables(up(t, 120, 40))
	d.command("deployments -A")
	d.clickOn("READY")
	d.sees("by ready", "READY ^")
	d.clickOn("READY")
	d.sees("largest first", "READY v")
	d.clickOn("NAME ")
	d.sees("by name")
	d.seesNot("READY v")
}

// TestKeysOfTheBarAreKeys: each key of a bar has a name that is a key's.
func TestKeysOfTheBarAreKeys(t *testing.T) {
	for _, g := range Actions() {
		for _, b := range g.Set {
			if !b.Bar || b.Action == keys.Fixed {
				continue
			}
			if msg, ok := keyNamed(b.Keys[0]); !ok || msg.String() != b.Keys[0] {
				t.Errorf("%s: %q is pressed as %q, %t", b.Name(), b.Keys[0], msg, ok)
			}
		}
	}
	for _, name := range []string{"drag", ""} {
		if _, ok := keyNamed(name); ok {
			t.Errorf("%q is a key", name)
		}
	}
	if msg, ok := keyNamed("ctrl++"); !ok || !strings.HasSuffix(msg.String(), "+") {
		t.Errorf("ctrl++ is %q, %t", msg, ok)
	}
}
