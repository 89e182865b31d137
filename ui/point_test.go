package ui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// pointing is a panel that speaks of panes.
type pointing struct {
	uitest.Panel
	at      []string
	keys    []string
	objects []panel.Object
	looked  []panel.LookedMsg
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

func (p *pointing) MarkedKeys() []string { return p.keys }

func (p *pointing) MarkedObjects() []panel.Object { return p.objects }

func (p *pointing) Update(msg tea.Msg) tea.Cmd {
	if look, ok := msg.(panel.LookedMsg); ok {
		p.looked = append(p.looked, look)
	}
	return p.Panel.Update(msg)
}

func TestKeysAndObjectsOfWhichALessonSpeaksAreMarked(t *testing.T) {
	lesson := &pointing{keys: []string{"y"}}
	d := up(t, 200, 60, func(o *Options) { o.Lessons = lesson })
	if !d.app.panelOn {
		d.press("L")
	}
	pod, node := d.app.ctx.Snapshot.Pods[0].Object, d.app.ctx.Snapshot.Nodes[0].Object
	lesson.objects = []panel.Object{{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}, {Kind: "Node", Name: node.Name}}
	d.app.setFocus(layout.Pods)
	d.app.Update(nil)
	cursor := d.app.ctx.Theme.Icons.Cursor
	lines := strings.Split(ansi.Strip(d.screen()), "\n")
	if bar := lines[len(lines)-1]; !strings.HasPrefix(strings.TrimSpace(bar), cursor+"  y YAML") {
		t.Errorf("the key y is not marked: %s", bar)
	}
	for _, name := range []string{pod.Name, node.Name} {
		if !strings.Contains(strings.Join(lines, "\n"), cursor+name) {
			t.Errorf("%s is not marked\n%s", name, strings.Join(lines, "\n"))
		}
	}
	lesson.objects, lesson.keys = nil, nil
	d.app.Update(nil)
	if text := ansi.Strip(d.screen()); strings.Contains(text, cursor+node.Name) || strings.Contains(text, "y YAML ") {
		t.Errorf("marked without a word\n%s", text)
	}
}

func TestALessonIsToldWhatIsLookedAt(t *testing.T) {
	lesson := &pointing{}
	d := up(t, 200, 60, func(o *Options) { o.Lessons = lesson })
	pod := d.app.ctx.Snapshot.Pods[0].Object
	ref := watch.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}
	lesson.looked = nil
	d.app.Update(pane.OpenMsg{Ref: ref, Tab: pane.YAML})
	d.app.Update(nil)
	want := panel.LookedMsg{View: "yaml", Resource: "pods", Namespace: pod.Namespace, Name: pod.Name}
	if len(lesson.looked) != 1 || lesson.looked[0] != want {
		t.Errorf("told are %v, not once %v", lesson.looked, want)
	}
}

func TestALessonOpensPanes(t *testing.T) {
	d := up(t, 120, 40, func(o *Options) { o.Lessons = &pointing{} })
	if !d.app.layout.Tabbed(layout.Services) {
		t.Fatal("at this size services have a place of their own")
	}
	d.app.Update(panel.OpenMsg{Names: []string{"services"}})
	if !d.app.visible(layout.Services) {
		t.Errorf("services are not shown\n%s", d.screen())
	}
	d.app.Update(panel.OpenMsg{Names: []string{"events"}})
	if !d.app.visible(layout.Events) || d.app.visible(layout.Services) {
		t.Errorf("events are not shown\n%s", d.screen())
	}
}

// TestALessonIsNotFilteredAway: what a lesson speaks of is seen from its start.
func TestALessonIsNotFilteredAway(t *testing.T) {
	d := up(t, 120, 40)
	d.app.ctx.Namespace = "shop"
	d.run(d.app.setFilter("no such thing"))
	d.send(panel.BeganMsg{Namespace: "default"})
	d.sees("all is shown again: the lesson is in the namespace default", "web-5b978d69-")
	d.app.ctx.Namespace = "shop"
	d.send(panel.BeganMsg{Namespace: "shop"})
	if d.app.ctx.Namespace != "shop" {
		t.Error("the lesson's own namespace is left")
	}
}
