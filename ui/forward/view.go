package forward

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// ListMsg brings what a manager has.
type ListMsg []Info

// DoMsg asks to do something to a forward.
type DoMsg struct {
	ID int
	Do Verb
}

// Verb is what can be done to a forward.
type Verb string

// The verbs.
const (
	Stop   Verb = "stop"
	Again  Verb = "start"
	Remove Verb = "remove"
)

// CloseMsg asks to leave the list.
type CloseMsg struct{}

// View is the list of forwards.
type View struct {
	ctx  *pane.Context
	list []Info
	cur  widget.List
	w, h int
}

// Open opens the list.
func Open(ctx *pane.Context, list []Info) *View { return &View{ctx: ctx, list: list} }

// Title names the screen on the help page.
func (v *View) Title() string { return "Forwards" }

// SetSize tells the room for the next View.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.cur.Clamp(len(v.list), v.visible())
}

func (v *View) visible() int { return max(0, v.h-3) }

// Sync takes over what has changed; forwards are told by messages.
func (v *View) Sync() tea.Cmd { return nil }

// Close has nothing to end: forwards go on without the list.
func (v *View) Close() {}

// Update takes the list.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	if list, ok := msg.(ListMsg); ok {
		v.list = list
		v.cur.Clamp(len(v.list), v.visible())
	}
	return nil
}

// Click selects a forward.
func (v *View) Click(_, y int) tea.Cmd {
	if row := v.cur.Offset + y - 2; y >= 2 && row < len(v.list) {
		v.cur.Cursor = row
	}
	return nil
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) {
	v.cur.Move(by, len(v.list))
	v.cur.Clamp(len(v.list), v.visible())
}

func (v *View) selected() (Info, bool) {
	if len(v.list) == 0 {
		return Info{}, false
	}
	return v.list[v.cur.Cursor], true
}

// Named is where the selected forward listens.
func (v *View) Named() string {
	i, ok := v.selected()
	if !ok {
		return ""
	}
	return i.Address()
}

// Keys are those of the list.
func Keys(ctx *pane.Context) keys.Set { return Open(ctx, nil).Bindings() }

// Bindings are the view's keys.
func (v *View) Bindings() keys.Set {
	i, ok := v.selected()
	none := func() string {
		if !ok {
			return "there are no forwards: F on a pod or a service makes one"
		}
		return ""
	}
	toggle := Stop
	if i.State == Stopped {
		toggle = Again
	}
	do := func(verb Verb) func() tea.Cmd {
		return func() tea.Cmd { return func() tea.Msg { return DoMsg{i.ID, verb} } }
	}
	move := func(by int) func() tea.Cmd {
		return func() tea.Cmd { v.Scroll(by); return nil }
	}
	return keys.Set{
		{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Long: "back; forwards go on", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return CloseMsg{} } }},
		{Keys: []string{"s"}, Action: "toggle-forward", Desc: string(toggle), Long: "stop the forward, or start it again", Bar: true, Disabled: none, Run: do(toggle)},
		{Keys: []string{"d", "delete"}, Action: "remove-forward", Desc: "remove", Long: "end the forward, and take it off the list", Bar: true, Disabled: none, Run: do(Remove)},
		{Keys: []string{"enter"}, Desc: "open", Long: "open the object that is forwarded to", Bar: true, Disabled: none, Run: func() tea.Cmd {
			return func() tea.Msg { return pane.OpenMsg{Ref: i.To, Tab: pane.Summary} }
		}},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: move(1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: move(-1)},
		{Keys: []string{"pgdown", "ctrl+d"}, Label: "pgdn", Desc: "page down", Run: move(max(1, v.visible()))},
		{Keys: []string{"pgup", "ctrl+u"}, Label: "pgup", Desc: "page up", Run: move(-max(1, v.visible()))},
		{Keys: []string{"g", "home"}, Desc: "first", Run: move(-len(v.list))},
		{Keys: []string{"G", "end"}, Desc: "last", Run: move(len(v.list))},
	}
}

// View draws the list.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis, Thumb: t.Icons.ScrollThumb,
		Title: t.Key.Render("Forwards"), Right: t.Tone(theme.Muted).Render("ports of this machine, until the app ends"),
		Scroll: &widget.Scroll{Offset: v.cur.Offset, Visible: v.visible(), Total: len(v.list)},
	}
	if len(v.list) == 0 {
		text := "No ports are forwarded. F on a pod or a service makes a forward,\nor :forward svc/NAME LOCAL:REMOTE -n NAMESPACE."
		return box.Draw(widget.Center(t.Tone(theme.Muted).Render(text), max(0, v.w-2), max(0, v.h-2)), v.w, v.h)
	}
	if i, _ := v.selected(); i.Err != "" {
		box.Foot = t.Tone(theme.Bad).Render(ansi.Truncate(widget.Clean(i.Err), max(0, v.w-9), t.Icons.Ellipsis))
	}
	table := widget.Table{
		Columns: []widget.Column{
			{Title: "STATE"},
			{Title: "THIS MACHINE", Min: 15},
			{Title: "NAMESPACE", Min: 7, Drop: 4, Max: 14},
			{Title: "TO", Min: 12, Max: 40, Middle: true},
			{Title: "POD", Min: 10, Drop: 3, Max: 40, Middle: true},
			{Title: "CONNECTIONS", Drop: 1},
			{Title: "SENT", Right: true, Room: 6, Drop: 2},
			{Title: "RECEIVED", Right: true, Drop: 2},
			{Title: "WHAT IS WRONG", Min: 10, Flex: true},
		},
		Heading: t.Tone(theme.Faint), Selected: t.Selected, Focused: true, Ellipsis: t.Icons.Ellipsis, Marker: t.Icons.Cursor,
		Cursor: v.cur.Cursor - v.cur.Offset,
	}
	for _, i := range v.list[v.cur.Offset:min(len(v.list), v.cur.Offset+v.visible())] {
		table.Rows = append(table.Rows, v.row(i))
	}
	return box.Draw(table.Draw(max(0, v.w-2), max(0, v.h-2)), v.w, v.h)
}

func (v *View) row(i Info) []widget.Cell {
	t := v.ctx.Theme
	sign, tone := t.Icons.Running, theme.OK
	switch i.State {
	case Stopped:
		sign, tone = t.Icons.Stopped, theme.Muted
	case Failing:
		sign, tone = t.Icons.Failing, theme.Bad
	}
	muted := t.Tone(theme.Muted)
	pod := "-"
	if i.Target.Pod != "" {
		pod = fmt.Sprintf("%s:%d", i.Target.Pod, i.Target.Port)
	}
	return []widget.Cell{
		{Text: sign + " " + string(i.State), Style: t.Tone(tone)},
		{Text: i.Address(), Style: t.Text},
		{Text: i.To.Namespace, Style: muted},
		{Text: fmt.Sprintf("%s:%d", i.To, i.Remote), Style: t.Text},
		{Text: pod, Style: muted},
		{Text: fmt.Sprintf("%d open of %d", i.Open, i.Total), Style: muted},
		{Text: facts.Bytes(i.In), Style: muted},
		{Text: facts.Bytes(i.Out), Style: muted},
		{Text: widget.Clean(i.Err), Style: t.Tone(theme.Bad)},
	}
}
