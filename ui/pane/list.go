package pane

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// list is the part that panes with rows share: a cursor that stays on its object
// when rows come and go.
type list struct {
	ctx  *Context
	w, h int
	cur  widget.List
	// n is how many rows there are, and refOf names one of them.
	n        int
	refOf    func(row int) watch.Ref
	selected watch.Ref
	// moved says that the user has moved the cursor; before, it is on the first row.
	moved bool
}

// SetSize implements Pane.
func (l *list) SetSize(w, h int) {
	l.w, l.h = w, h
	l.cur.Clamp(l.n, l.visible())
}

// visible is how many rows fit: less the frame and the heading.
func (l *list) visible() int { return max(0, l.h-3) }

// emptied is a list without what is in it, whose memory the next takes: one of thousands is
// made anew many times a second.
func emptied[T any](list []T) []T {
	clear(list)
	return list[:0]
}

// setRows takes the new rows and finds the selected one among them.
func (l *list) setRows(n int, refOf func(row int) watch.Ref) {
	l.n, l.refOf = n, refOf
	if l.moved {
		l.find()
	}
	l.cur.Clamp(n, l.visible())
	l.remember()
}

// find puts the cursor on the row that it was on, if there still is one. It begins where that
// was: others have come and gone, but not many at once.
func (l *list) find() {
	for below, above := l.cur.Cursor, l.cur.Cursor+1; below >= 0 || above < l.n; below, above = below-1, above+1 {
		for _, row := range [...]int{below, above} {
			if row >= 0 && row < l.n && l.refOf(row) == l.selected {
				l.cur.Cursor = row
				return
			}
		}
	}
}

func (l *list) remember() {
	if l.cur.Cursor < l.n && l.cur.Cursor >= 0 {
		l.selected = l.refOf(l.cur.Cursor)
	}
}

func (l *list) ref() (watch.Ref, bool) {
	if l.n == 0 {
		return watch.Ref{}, false
	}
	return l.refOf(l.cur.Cursor), true
}

func (l *list) move(by int) tea.Cmd {
	l.moved = true
	l.cur.Move(by, l.n)
	l.cur.Clamp(l.n, l.visible())
	l.remember()
	return nil
}

// Wheel implements Pane.
func (l *list) Wheel(by int) { l.move(by) }

// click selects the row under the mouse; on the selected one it is enter.
func (l *list) click(y int, open func() tea.Cmd) tea.Cmd {
	row := l.cur.Offset + y - 2
	if y < 2 || row >= l.n || y >= l.h-1 {
		return nil
	}
	if row == l.cur.Cursor {
		return open()
	}
	l.moved = true
	l.cur.Cursor = row
	l.remember()
	return nil
}

func (l *list) scroll() *widget.Scroll {
	return &widget.Scroll{Offset: l.cur.Offset, Visible: l.visible(), Total: l.n}
}

// window is the part of n rows that is in view.
func (l *list) window() (from, to int) {
	return l.cur.Offset, min(l.n, l.cur.Offset+l.visible())
}

// moves are the keys that move in a list.
func (l *list) moves() keys.Set {
	step := func(by int) func() tea.Cmd { return func() tea.Cmd { return l.move(by) } }
	leave := func(dx int) func() tea.Cmd { return func() tea.Cmd { return send(LeaveMsg{DX: dx}) } }
	return keys.Set{
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: step(1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: step(-1)},
		{Keys: []string{"pgdown", "ctrl+d"}, Label: "pgdn", Desc: "page down", Run: func() tea.Cmd { return l.move(max(1, l.visible())) }},
		{Keys: []string{"pgup", "ctrl+u"}, Label: "pgup", Desc: "page up", Run: func() tea.Cmd { return l.move(-max(1, l.visible())) }},
		{Keys: []string{"g", "home"}, Desc: "first", Run: func() tea.Cmd { return l.move(-l.n) }},
		{Keys: []string{"G", "end"}, Desc: "last", Run: func() tea.Cmd { return l.move(l.n) }},
		{Keys: []string{"left", "h"}, Label: "←/h", Desc: "pane to the left", Run: leave(-1)},
		{Keys: []string{"right", "l"}, Label: "→/l", Desc: "pane to the right", Run: leave(1)},
	}
}

// objectKeys are what can be done with the object that ref gives.
func objectKeys(ctx *Context, ref func() (watch.Ref, bool)) keys.Set {
	none := func() string {
		if _, ok := ref(); !ok {
			return "nothing is selected"
		}
		return ""
	}
	refused := func(verb, subresource string) func() string {
		return func() string {
			r, ok := ref()
			if !ok {
				return none()
			}
			return ctx.Refuses(verb, r, subresource)
		}
	}
	notPod := func() string {
		if r, ok := ref(); !ok || r.Kind != "Pod" {
			return "only a pod has a shell; select one"
		}
		return refused("create", "exec")()
	}
	noPorts := func() string {
		r, ok := ref()
		if !ok || r.Kind != "Pod" && r.Kind != "Service" && r.Kind != "Deployment" {
			return "pods and services have ports; select one"
		}
		return ctx.Refuses("create", watch.Ref{Kind: "Pod", Namespace: r.Namespace}, "portforward")
	}
	notOurs := func() string {
		if r, ok := ref(); ok && r.Kind == "Node" {
			return "a node is stopped (s), not deleted"
		}
		return refused("delete", "")()
	}
	with := func(do func(watch.Ref) tea.Msg) func() tea.Cmd {
		return func() tea.Cmd {
			r, _ := ref()
			return send(do(r))
		}
	}
	return keys.Set{
		{
			Keys: []string{"enter"}, Desc: "open", Long: "open the selected object: describe, YAML, logs, events", Bar: true,
			Disabled: none, Run: with(func(r watch.Ref) tea.Msg { return OpenMsg{Ref: r, Tab: Summary} }),
		},
		{
			Keys: []string{"y"}, Desc: "YAML", Long: "show the object as YAML, live", Disabled: none,
			Run: with(func(r watch.Ref) tea.Msg { return OpenMsg{Ref: r, Tab: YAML} }),
		},
		{
			Keys: []string{"x"}, Desc: "shell", Long: "open a shell in a container of the pod (kubectl exec -it)", Disabled: notPod,
			Run: with(func(r watch.Ref) tea.Msg { return ShellMsg{Ref: r} }),
		},
		{
			Keys: []string{"e"}, Desc: "edit", Long: "change the object; the server checks it before anything happens", Disabled: refused("update", ""),
			Run: with(func(r watch.Ref) tea.Msg { return OpenMsg{Ref: r, Tab: YAML, Edit: true} }),
		},
		{
			Keys: []string{"F"}, Desc: "forward", Long: "forward a port of this machine to it; :forward shows all forwards", Disabled: noPorts,
			Run: with(func(r watch.Ref) tea.Msg { return ForwardMsg{Ref: r} }),
		},
		{
			Keys: []string{"ctrl+o"}, Desc: "tree", Long: "show what the object owns, and what owns it", Disabled: none,
			Run: with(func(r watch.Ref) tea.Msg { return TreeMsg{Ref: r} }),
		},
		{
			Keys: []string{"d", "delete"}, Desc: "delete", Long: "delete the object, after a question", Bar: true, Disabled: notOurs,
			Run: with(func(r watch.Ref) tea.Msg { return DeleteMsg{Ref: r} }),
		},
	}
}

// logsKey opens the log of what ref gives.
func logsKey(ctx *Context, ref func() (watch.Ref, bool)) keys.Binding {
	return keys.Binding{
		Keys: []string{"l"}, Desc: "logs", Long: "follow the logs", Bar: true,
		Disabled: func() string {
			r, ok := ref()
			if !ok || r.Kind != "Pod" && r.Kind != "Node" {
				return "nothing with a log is selected"
			}
			if r.Kind == "Pod" {
				return ctx.Refuses("get", r, "log")
			}
			return ""
		},
		Run: func() tea.Cmd {
			r, _ := ref()
			return send(OpenMsg{Ref: r, Tab: Logs})
		},
	}
}
