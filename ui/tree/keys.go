package tree

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

func send(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }

// current is the line under the cursor.
func (v *View) current() (line, bool) {
	if v.cur.Cursor < 0 || v.cur.Cursor >= len(v.lines) {
		return line{}, false
	}
	return v.lines[v.cur.Cursor], true
}

// open opens the object of the line; of a container and its processes, the log.
func (v *View) open(tab pane.Tab) tea.Cmd {
	l, ok := v.current()
	if !ok {
		return nil
	}
	if l.container != "" && tab == pane.Summary {
		tab = pane.Logs
	}
	return send(pane.OpenMsg{Ref: l.ref, Tab: tab})
}

func (v *View) fold(on bool) tea.Cmd {
	l, ok := v.current()
	switch {
	case !ok:
	case on && (!l.parent || v.folded[l.id]):
		v.up()
	default:
		v.folded[l.id] = on
		v.moved, v.selected = true, l.id
		v.arrange()
	}
	return nil
}

// up goes to what the line hangs at.
func (v *View) up() {
	depth := func(i int) int { return len([]rune(v.lines[i].branch)) }
	for i := v.cur.Cursor - 1; i >= 0; i-- {
		if depth(i) < depth(v.cur.Cursor) {
			v.move(i - v.cur.Cursor)
			return
		}
	}
}

// Bindings are the view's keys.
func (v *View) Bindings() keys.Set {
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return nil }
	}
	nothing := func() string {
		if len(v.lines) == 0 {
			return "nothing is selected"
		}
		return ""
	}
	set := keys.Set{}
	if v.ctx.Text == "" {
		set = append(set, keys.Binding{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: func() tea.Cmd { return send(CloseMsg{}) }})
	}
	return append(set, keys.Set{
		{Keys: []string{"enter"}, Desc: "open", Long: "open the object; of a container, its log", Bar: true, Disabled: nothing, Run: func() tea.Cmd { return v.open(pane.Summary) }},
		{Keys: []string{"y"}, Desc: "YAML", Long: "show the object as YAML", Bar: true, Disabled: nothing, Run: func() tea.Cmd { return v.open(pane.YAML) }},
		{Keys: []string{"l"}, Desc: "logs", Long: "follow the log of the pod", Bar: true, Disabled: v.noLog, Run: func() tea.Cmd { return v.open(pane.Logs) }},
		{Keys: []string{"left", "h"}, Label: "←", Desc: "fold", Long: "hide what hangs at it, or go to what it hangs at", Bar: true, Disabled: nothing, Run: func() tea.Cmd { return v.fold(true) }},
		{Keys: []string{"right"}, Label: "→", Desc: "unfold", Long: "show what hangs at it", Bar: true, Disabled: nothing, Run: func() tea.Cmd { return v.fold(false) }},
		{Keys: []string{"space"}, Desc: "fold or not", Disabled: nothing, Run: func() tea.Cmd { l, _ := v.current(); return v.fold(!v.folded[l.id] && l.parent) }},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: do(func() { v.move(1) })},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: do(func() { v.move(-1) })},
		{Keys: []string{"pgdown", "ctrl+d"}, Label: "pgdn", Desc: "page down", Run: do(func() { v.move(max(1, v.visible())) })},
		{Keys: []string{"pgup", "ctrl+u"}, Label: "pgup", Desc: "page up", Run: do(func() { v.move(-max(1, v.visible())) })},
		{Keys: []string{"g", "home"}, Desc: "first", Run: do(func() { v.move(-len(v.lines)) })},
		{Keys: []string{"G", "end"}, Desc: "last", Run: do(func() { v.move(len(v.lines)) })},
	}...)
}

func (v *View) noLog() string {
	if l, ok := v.current(); !ok || l.ref.Kind != "Pod" {
		return "only a pod has a log"
	}
	return ""
}

// table makes what of the lines is in view.
func (v *View) table() widget.Table {
	t := v.ctx.Theme
	out := widget.Table{
		Columns: []widget.Column{{Title: "OBJECT", Min: 30}, {Title: "STATE", Min: 14, Drop: 1}, {Title: "AGE", Right: true, Drop: 2, Room: 5}},
		Heading: t.Tone(theme.Faint), Selected: t.Selected, Focused: true, Ellipsis: t.Icons.Ellipsis, Marker: t.Icons.Cursor,
		Cursor: v.cur.Cursor - v.cur.Offset,
	}
	// Columns stay in place while lines move: their room is that of all lines.
	room, state := 0, 0
	for _, l := range v.lines {
		room = max(room, len([]rune(l.branch+l.text))+4)
		state = max(state, widget.Width(l.sign+" "+l.state))
	}
	out.Columns[1].Room = min(state, v.w/2)
	out.Columns[0].Room, out.Columns[0].Max = min(room, max(40, v.w*3/5)), max(40, v.w*3/5)
	to := min(len(v.lines), v.cur.Offset+v.visible())
	for _, l := range slices.Clone(v.lines[v.cur.Offset:to]) {
		style := t.Text
		if l.container != "" {
			style = t.Tone(theme.Muted)
		}
		text := l.branch + widget.Clean(l.text)
		if l.parent && v.folded[l.id] {
			text += " " + t.Icons.Ellipsis
		}
		out.Rows = append(out.Rows, []widget.Cell{
			{Text: text, Style: style},
			{Text: l.sign + " " + widget.Clean(l.state), Style: t.Tone(l.tone)},
			{Text: l.age, Style: t.Tone(theme.Muted)},
		})
	}
	return out
}
