package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/layout"
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
