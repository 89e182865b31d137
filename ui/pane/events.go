package pane

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// EventList is the list of the newest events, the newest on top.
type EventList struct {
	list
	items []*corev1.Event
}

var _ Pane = (*EventList)(nil)

// NewEvents makes the pane.
func NewEvents(c *Context) *EventList { return &EventList{list: list{ctx: c}} }

// Name implements Pane.
func (p *EventList) Name() layout.Name { return layout.Events }

// Title implements Pane.
func (p *EventList) Title() (string, string) {
	return "Events", count(len(p.items), len(p.ctx.Snapshot.Events))
}

// Sync implements Pane. A cursor on the first row stays there, so that news are seen.
func (p *EventList) Sync() {
	top := p.cur.Cursor == 0
	items := emptied(p.items)
	for _, e := range p.ctx.Snapshot.Events {
		if p.ctx.Shows(e.Namespace, e.Reason, e.Message, e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name) {
			items = append(items, e)
		}
	}
	if top {
		p.selected = watch.Ref{}
		p.cur = widget.List{}
	}
	p.items = items
	p.setRows(len(items), func(row int) watch.Ref {
		return watch.Ref{Kind: "Event", Namespace: items[row].Namespace, Name: items[row].Name}
	})
}

// View implements Pane.
func (p *EventList) View(focused bool, tabs string) string {
	title, n := p.Title()
	box := frame(p.ctx, title, n, tabs, focused, p.scroll())
	if len(p.items) == 0 {
		note := []string{p.ctx.orRefused("Event", "Nothing has happened yet.")}
		if len(p.ctx.Snapshot.Events) > 0 {
			note = []string{"No event fits the filter.", "esc clears it"}
		}
		return box.Draw(empty(p.ctx, p.w-2, p.h-2, note...), p.w, p.h)
	}
	t := EventTable(p.ctx, focused)
	from, to := p.window()
	for _, e := range p.items[from:to] {
		t.Rows = append(t.Rows, EventRow(p.ctx, e))
	}
	t.Cursor = p.cur.Cursor - from
	return box.Draw(t.Draw(p.w-2, p.h-2), p.w, p.h)
}

// EventTable is the table of events, without its rows.
func EventTable(c *Context, focused bool) widget.Table {
	t := baseTable(c, focused)
	t.Columns = []widget.Column{
		{Title: "AGE", Right: true, Room: 5},
		{Title: "TYPE", Room: 9},
		{Title: "REASON", Min: 8, Max: 22},
		{Title: "OBJECT", Min: 10, Max: 38, Middle: true},
		{Title: "MESSAGE", Min: 20, Flex: true},
	}
	return t
}

// EventRow is an event as a row of that table.
func EventRow(c *Context, e *corev1.Event) []widget.Cell {
	t := c.Theme
	sign, tone := t.Icons.Normal, theme.Muted
	if e.Type == corev1.EventTypeWarning {
		sign, tone = t.Icons.Warning, theme.Warn
	}
	message := widget.Clean(e.Message)
	if n := watch.EventCount(e); n > 1 {
		message = fmt.Sprintf("(x%d) %s", n, message)
	}
	return []widget.Cell{
		{Text: facts.Age(c.Now.Sub(watch.EventTime(e))), Style: t.Tone(theme.Muted)},
		{Text: sign + " " + e.Type, Style: t.Tone(tone)},
		{Text: e.Reason, Style: t.Text},
		{Text: watch.Ref{Kind: e.InvolvedObject.Kind, Name: e.InvolvedObject.Name}.String(), Style: t.Tone(theme.Accent)},
		{Text: oneLine(message), Style: t.Tone(theme.Muted)},
	}
}

func oneLine(s string) string {
	b := []rune(s)
	for i, r := range b {
		if r == '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// object is what the selected event is about.
func (p *EventList) object() (watch.Ref, bool) {
	if len(p.items) == 0 {
		return watch.Ref{}, false
	}
	o := p.items[p.cur.Cursor].InvolvedObject
	ref := watch.RefOf(o.GroupVersionKind().Group, o.Kind, o.Namespace, o.Name)
	if o.Kind == "Node" {
		ref.Namespace = ""
	}
	return ref, true
}

func (p *EventList) open() tea.Cmd {
	ref, _ := p.object()
	return send(OpenMsg{Ref: ref, Tab: Summary})
}

// Bindings implements Pane.
func (p *EventList) Bindings() keys.Set {
	set := keys.Set{{
		Keys: []string{"enter"}, Desc: "open", Long: "open the object that the event is about", Bar: true,
		Disabled: func() string {
			if _, ok := p.object(); !ok {
				return "there are no events"
			}
			return ""
		},
		Run: p.open,
	}}
	return append(set, p.moves()...)
}

// Click implements Pane.
func (p *EventList) Click(_, y int) tea.Cmd { return p.click(y, p.open) }
