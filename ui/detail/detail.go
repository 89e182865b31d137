// Package detail is the view of one object, or of one component of the control
// plane: described, as YAML, its logs and its events.
package detail

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Backend is where a detail view gets what a snapshot does not have. Its methods
// are called in commands only.
type Backend interface {
	// Describe is what kubectl describe prints.
	Describe(ctx context.Context, ref watch.Ref) (string, error)
	// Object is an object as the API server has it.
	Object(ctx context.Context, ref watch.Ref) (*unstructured.Unstructured, error)
	// Update changes an object, or tells what would come of it.
	Update(ctx context.Context, ref watch.Ref, o *unstructured.Unstructured, dry bool) (*unstructured.Unstructured, error)
	// Events are all events about an object.
	Events(ctx context.Context, ref watch.Ref) ([]*corev1.Event, error)
	// Explain is what kubectl explain prints of a field.
	Explain(ctx context.Context, ref watch.Ref, field []string) (string, error)
	// Logs follows a container's log until ctx ends.
	Logs(ctx context.Context, ref watch.Ref, q LogQuery) (io.ReadCloser, error)
	// LogFile is the log of a component or a node's machine; "" if there is none.
	LogFile(name string) string
}

// LogQuery is which log of a pod is read.
type LogQuery struct {
	Container string
	// Previous is the container before its last restart.
	Previous bool
	// Timestamps has each line begin with its time.
	Timestamps bool
}

// CloseMsg asks to leave the detail view.
type CloseMsg struct{}

// View is an open detail view.
type View struct {
	ctx       *pane.Context
	backend   Backend
	ref       watch.Ref
	component string
	tabs      []pane.Tab
	tab       pane.Tab
	w, h      int

	describe described
	yaml     manifest
	drift    drift
	told     told
	search   search
	editor   *editor // nil if nothing is edited
	editOnly bool    // the view ends with the edit
	logs     logs
	events   events
	inside   live
	story    live
}

// scroller is text that is longer than the screen.
type scroller interface {
	Scroll(by int)
	Page(by int)
	Top()
	End()
	Sideways(by int)
	Position() *widget.Scroll
	Search(text string) int
	Match(by int)
}

// described is text that is made anew when the object changes.
type described struct {
	pager   widget.Pager
	version string // of the object that is shown
	busy    bool   // being made
	err     error
}

const keepLog = 5000

// Open opens an object.
func Open(ctx *pane.Context, backend Backend, ref watch.Ref, tab pane.Tab) (*View, tea.Cmd) {
	v := &View{ctx: ctx, backend: backend, ref: ref, tabs: []pane.Tab{pane.Summary, pane.Describe, pane.YAML, pane.Logs, pane.Events}}
	if ref.Kind != "Pod" && ref.Kind != "Node" {
		v.tabs = []pane.Tab{pane.Summary, pane.Describe, pane.YAML, pane.Events}
	}
	if looker, ok := backend.(Looker); ok && looker.CanLook(ref) {
		v.tabs = append(v.tabs, pane.Inside)
	}
	if teller, ok := backend.(Teller); ok && teller.CanTell(ref) {
		v.tabs = append(v.tabs, pane.Story)
	}
	return v, v.begin(tab)
}

// OpenLog opens a component's log.
func OpenLog(ctx *pane.Context, backend Backend, component string) (*View, tea.Cmd) {
	v := &View{ctx: ctx, backend: backend, component: component, tabs: []pane.Tab{pane.Logs}}
	return v, v.begin(pane.Logs)
}

func (v *View) begin(tab pane.Tab) tea.Cmd {
	v.logs.pager = widget.Pager{Keep: keepLog, Follow: true, Wrap: true}
	v.story.pager.Wrap = true
	if !slices.Contains(v.tabs, tab) {
		tab = v.tabs[0]
	}
	return v.show(tab)
}

// Title names the view on the help page.
func (v *View) Title() string { return "Detail" }

// Ref is the object that is shown; nothing for a component.
func (v *View) Ref() watch.Ref { return v.ref }

// Tab is the part of the view that is seen.
func (v *View) Tab() pane.Tab { return v.tab }

// Close ends what the view has running.
func (v *View) Close() {
	if v.editor != nil {
		v.editor.drop()
	}
	v.logs.close()
	v.inside.close()
	v.story.close()
}

// SetSize tells the room, frame included.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	iw, ih := max(0, w-4), max(0, h-4)
	for _, p := range []*widget.Pager{&v.told.pager, &v.drift.pager, &v.describe.pager, &v.logs.pager, &v.events.pager, &v.inside.pager, &v.story.pager} {
		p.SetSize(iw, ih)
	}
	v.paintReport()
	v.yaml.setSize(iw, ih)
	if v.editor != nil {
		v.editor.setSize(iw, ih)
	}
}

// show changes to a tab and begins to fill it.
func (v *View) show(tab pane.Tab) tea.Cmd {
	v.tab = tab
	// What nobody sees, nobody looks for.
	for _, other := range []pane.Tab{pane.Inside, pane.Story} {
		if other != tab {
			v.live(other).close()
		}
	}
	switch tab {
	case pane.Inside, pane.Story:
		return v.openLive(tab)
	case pane.Logs:
		if !v.logs.opened {
			return v.openLogs()
		}
	case pane.Events:
		return v.listEvents()
	case pane.Summary, pane.Describe, pane.YAML:
		return v.Sync()
	}
	return nil
}

func (v *View) turn(by int) tea.Cmd {
	i := slices.Index(v.tabs, v.tab)
	return v.show(v.tabs[(i+by+len(v.tabs))%len(v.tabs)])
}

// version is the version of the object as it is followed, "" if it is not there.
func (v *View) version() string {
	if o := v.ctx.Snapshot.Get(v.ref); o != nil {
		if m, err := meta.Accessor(o); err == nil {
			return m.GetResourceVersion()
		}
	}
	if v.ctx.Version != nil {
		return v.ctx.Version(v.ref)
	}
	return ""
}

// gone reports whether the object was there and is no more.
func (v *View) gone() bool {
	return v.component == "" && v.version() == "" && (v.describe.version != "" || v.yaml.version != "")
}

// Sync takes over what has changed in the cluster.
func (v *View) Sync() tea.Cmd {
	if v.component != "" {
		return nil
	}
	switch v.tab {
	case pane.Summary:
		return v.syncSummary()
	case pane.Describe:
		return v.syncDescribe()
	case pane.YAML:
		if v.drift.on {
			return v.syncDrift()
		}
		return v.syncYAML()
	}
	return nil
}

// pager is the text of the current tab.
func (v *View) pager() scroller {
	switch v.tab {
	case pane.Summary:
		return &v.told.pager
	case pane.YAML:
		if v.drift.on {
			return &v.drift.pager
		}
		return &v.yaml.doc
	case pane.Logs:
		return &v.logs.pager
	case pane.Events:
		return &v.events.pager
	case pane.Inside, pane.Story:
		return &v.live(v.tab).pager
	}
	return &v.describe.pager
}

// Scroll moves in the text.
func (v *View) Scroll(by int) {
	if v.editor != nil {
		v.editor.scroll(by)
		return
	}
	v.pager().Scroll(by)
}

// Click is a mouse click: on a tab it opens the tab, in a text it is where the cursor goes.
func (v *View) Click(x, y int) tea.Cmd {
	const left, above = 2, 3 // of the text: the frame, and the line about the object
	if v.editor != nil {
		v.editor.click(x-left, y-above-len(v.head(v.w-4, v.h-4)))
		return v.explain()
	}
	if y != 0 {
		if v.tab == pane.YAML && !v.drift.on {
			v.yaml.doc.Click(y - above)
			return v.explain()
		}
		return nil
	}
	at := 2
	for _, t := range v.tabs {
		w := len(t) + 2
		if x >= at && x < at+w {
			return v.show(t)
		}
		at += w + 1
	}
	return nil
}

// Bindings are the view's keys.
func (v *View) Bindings() keys.Set {
	if v.editor != nil {
		return v.editBindings()
	}
	p := v.pager()
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return v.explain() }
	}
	set := append(v.searchBindings(), keys.Set{
		{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return CloseMsg{} } }},
	}...)
	if len(v.tabs) > 1 {
		set = append(set, keys.Binding{Keys: []string{"tab", "]"}, Label: "tab", Desc: "next tab", Bar: true, Run: func() tea.Cmd { return v.turn(1) }},
			keys.Binding{Keys: []string{"shift+tab", "["}, Desc: "tab before", Run: func() tea.Cmd { return v.turn(-1) }})
		for i, t := range v.tabs {
			set = append(set, keys.Binding{Keys: []string{fmt.Sprint(i + 1)}, Action: "tab-" + strings.ToLower(string(t)), Desc: string(t), Run: func() tea.Cmd { return v.show(t) }})
		}
	}
	set = append(set, v.logBindings()...)
	set = append(set, v.yamlBindings()...)
	set = append(set, v.actionBindings()...)
	if v.component == "" {
		set = append(set, keys.Binding{Keys: []string{"o", "ctrl+o"}, Desc: "tree", Long: "show what it owns, and what owns it", Bar: true, Run: func() tea.Cmd {
			return func() tea.Msg { return pane.TreeMsg{Ref: v.ref} }
		}})
	}
	return append(set, keys.Set{
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: do(func() { p.Scroll(1) })},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: do(func() { p.Scroll(-1) })},
		{Keys: []string{"pgdown", "space", "ctrl+d"}, Label: "pgdn", Desc: "page down", Run: do(func() { p.Page(1) })},
		{Keys: []string{"pgup", "ctrl+u"}, Label: "pgup", Desc: "page up", Run: do(func() { p.Page(-1) })},
		{Keys: []string{"g", "home"}, Desc: "first line", Run: do(p.Top)},
		{Keys: []string{"G", "end"}, Desc: "last line", Run: do(p.End)},
		{Keys: []string{"w"}, Desc: "wrap", Long: "break long lines, or cut them", Disabled: v.noWrap, Run: do(v.wrap)},
		{Keys: []string{"right", "l"}, Label: "→", Desc: "sideways", Run: do(func() { p.Sideways(8) })},
		{Keys: []string{"left", "h"}, Label: "←", Action: "sideways-back", Desc: "back", Run: do(func() { p.Sideways(-8) })},
	}...)
}

// View draws the view.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis,
		Title: v.tabLine(), Right: t.Key.Render(v.name()), Scroll: v.pager().Position(), Thumb: t.Icons.ScrollThumb,
	}
	body := v.body()
	head := v.summary()
	const edges = 9 // the corners, and the air around words
	if widget.Width(v.tabLine())+widget.Width(v.name())+edges > v.w {
		// Whose logs these are must be seen in any case.
		name := t.Key.Render(widget.Middle(v.name(), max(20, v.w/2), t.Icons.Ellipsis))
		box.Right = ""
		if plain := ansi.Strip(head); plain == v.name() {
			head = name
		} else {
			head = name + "  " + head
		}
	}
	if v.searching() {
		head = v.searchLine()
	}
	lines := append([]string{head, ""}, strings.Split(body, "\n")...)
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return box.Draw(strings.Join(lines, "\n"), v.w, v.h)
}

// summary is the object in a line, whatever the tab.
// body is the current tab's text.
func (v *View) body() string {
	t := v.ctx.Theme
	w, h := max(0, v.w-4), max(0, v.h-4)
	if v.editor != nil {
		return v.editBody(w, h)
	}
	note := func(tone theme.Tone, s string) string {
		var lines []string
		for _, l := range widget.Lines(widget.Clean(s), w) {
			lines = append(lines, t.Tone(tone).Render(l))
		}
		return widget.Block(lines, w, h, t.Icons.Ellipsis)
	}
	d := &v.describe
	switch v.tab {
	case pane.Events:
		return v.eventsBody(w, h)
	case pane.Summary:
		d = &described{pager: v.told.pager, err: v.told.err}
	case pane.Inside, pane.Story:
		l := v.live(v.tab)
		if l.pager.Len() == 0 && l.err == nil {
			return note(theme.Muted, "looking"+t.Icons.Ellipsis)
		}
		d = &described{pager: l.pager, err: l.err}
	case pane.Logs:
		if v.logs.pager.Len() == 0 {
			return note(theme.Muted, v.noLog())
		}
		return v.logs.pager.View(t.Icons.Ellipsis)
	case pane.YAML:
		if v.drift.on {
			d = &described{pager: v.drift.pager, err: v.drift.err}
			break
		}
		if v.yaml.doc.Len() > 0 {
			return v.yamlBody(w, h)
		}
		d = &described{err: v.yaml.err}
	}
	if d.pager.Len() == 0 {
		if d.err != nil {
			return note(theme.Bad, t.Icons.Failing+" "+d.err.Error())
		}
		return note(theme.Muted, "asking the API server"+t.Icons.Ellipsis)
	}
	return d.pager.View(t.Icons.Ellipsis)
}

func (v *View) noWrap() string {
	if _, ok := v.pager().(*widget.Pager); !ok {
		return "YAML is read by its lines: the right arrow shows the rest of a long one"
	}
	return ""
}

func (v *View) wrap() {
	if p, ok := v.pager().(*widget.Pager); ok {
		p.SetWrap(!p.Wrap)
	}
}
