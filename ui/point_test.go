package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/layout"
	"kubarium/ui/panel"
	"kubarium/ui/uitest"
)

// pointing is a panel that speaks of panes.
type pointing struct {
	uitest.Panel
	at []string
}

func (p *pointing) Points() []string { return p.at }

func TestThePaneOfWhichALessonSpeaksIsMarked(t *testing.T) {
	lesson := &pointing{at: []string{"services"}}
	d := up(t, 200, 60, func(o *Options) { o.Lessons = lesson })
	if !d.app.panelOn {
		d.press("L")
	}
	marked := func() []string {
		var found []string
		lines := strings.Split(d.screen(), "\n")
		for _, n := range ring() {
			r := d.app.layout.Rect(n)
			if d.app.panes[n] != nil && d.app.visible(n) && strings.Contains(ansi.Cut(ansi.Strip(lines[r.Y]), r.X, r.Right()), "lesson") {
				found = append(found, string(n))
			}
		}
		return found
	}
	if got := marked(); len(got) != 1 || got[0] != string(layout.Services) {
		t.Errorf("marked are %v\n%s", got, d.screen())
	}
	for i, line := range strings.Split(d.screen(), "\n") {
		if w := ansi.StringWidth(line); w > 200 {
			t.Errorf("line %d is %d cells wide", i, w)
		}
	}
	lesson.at = nil
	if got := marked(); len(got) > 0 {
		t.Errorf("marked without a word: %v", got)
	}
}

func TestALessonThatWasAskedForHasTheKeys(t *testing.T) {
	lesson := &asking{}
	for _, width := range []int{80, 200} {
		d := up(t, width, 40, func(o *Options) { o.Lessons = lesson })
		if !d.app.panelOn || d.app.focus != layout.Panel {
			t.Errorf("at %d columns the panel is shown: %t, and %s has the keys", width, d.app.panelOn, d.app.focus)
		}
	}
}

// asking is a panel that wants the keys from the start.
type asking struct{ uitest.Panel }

func (*asking) Init() tea.Cmd { return func() tea.Msg { return panel.FocusMsg{} } }

func TestEnterLeavesAnEmptyCommandLine(t *testing.T) {
	d := up(t, 120, 40)
	d.press(":")
	if !d.app.line.Open() {
		t.Fatal("the command line is not open")
	}
	d.press("enter")
	if d.app.line.Open() {
		t.Error("enter on an empty line stays in it")
	}
}
