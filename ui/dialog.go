package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// dialog lies over the screen and takes all keys but ctrl+c.
type dialog interface {
	// bindings are its keys.
	bindings(a *App) keys.Set
	// view draws it, no larger than w by h cells.
	view(ctx *pane.Context, w, h int) string
	// replies are what its foot offers.
	replies() []reply
}

// prompt is a dialog into which text is typed.
type prompt interface {
	dialog
	edit(msg tea.Msg) tea.Cmd
}

// chooser is a dialog with things in its lines, of which one is chosen.
type chooser interface {
	// choose moves the cursor to what is in a line below the heading, if there is any.
	choose(line int) bool
}

// clickable is a dialog whose lines do something of their own.
type clickable interface {
	// click does what is at a column of a line below the heading.
	click(a *App, x, line int) tea.Cmd
}

// reply is an action that a dialog's foot offers, with its key as it is written there unless
// the user has given it another.
type reply struct {
	shown, desc string
	action      string
}

// replyGap is between two replies.
const replyGap = 5

func foot(ctx *pane.Context, replies []reply) string {
	texts := make([]string, len(replies))
	for i, r := range replies {
		texts[i] = r.draw(ctx)
	}
	return strings.Join(texts, strings.Repeat(" ", replyGap))
}

func (r reply) draw(ctx *pane.Context) string {
	shown := r.shown
	if own := ctx.Keys[r.action]; len(own) > 0 {
		shown = own[0]
	}
	return answer(ctx.Theme, shown, r.desc)
}

// dialogKey gives a key to the dialog that has them all.
func (a *App) dialogKey(d dialog, msg tea.KeyPressMsg) tea.Cmd {
	set, apply := d.bindings(a), a.opts.Keys.Apply
	text, types := d.(prompt)
	if types {
		apply = a.opts.Keys.Typing
	}
	cmd, ok := apply(set).Dispatch(msg.String())
	if !ok && types {
		return text.edit(msg)
	}
	return cmd
}

// Names of what dialogs do.
const (
	yesAction    = "yes"
	noAction     = "no"
	readAction   = "read"
	chooseAction = "choose-this"
	// escapeReply is what esc does, which no other key is given.
	escapeReply = "esc"
)

// escapeBinding is esc, which leaves each dialog, whatever keys the user has.
func (a *App) escapeBinding() keys.Binding {
	return keys.Binding{Keys: []string{"esc"}, Action: keys.Fixed, Desc: "back", Run: a.popped}
}

// closeBinding is what else leaves a dialog.
func (a *App) closeBinding(action string, names ...string) keys.Binding {
	return keys.Binding{Keys: names, Action: action, Desc: "back", Long: "close what lies over the screen", Run: a.popped}
}

// popped is pop as an action.
func (a *App) popped() tea.Cmd { a.pop(); return nil }

// scrolling are the keys of a dialog that has more text than room.
func scrolling(offset, last *int) keys.Set {
	by := func(n int) { *offset = max(0, min(*offset+n, *last)) }
	return keys.Scrolling(by, func(n int) { by(10 * n) })
}

func (a *App) push(d dialog) { a.dialogs = append(a.dialogs, d) }

func (a *App) pop() {
	if n := len(a.dialogs); n > 0 {
		if c, ok := a.dialogs[n-1].(closer); ok {
			c.close()
		}
		a.dialogs = a.dialogs[:n-1]
	}
}

// closer is a dialog that has something running.
type closer interface{ close() }

// card is the frame of dialogs.
func card(t *theme.Theme, title, foot string, lines []string, w int, tone theme.Tone) string {
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Tone(tone), Ellipsis: t.Icons.Ellipsis,
		Title: t.Tone(tone).Bold().Render(title),
	}
	body := append([]string{""}, lines...)
	if foot != "" {
		body = append(body, "", "  "+foot)
	}
	body = append(body, "")
	return box.Draw(strings.Join(body, "\n"), w, len(body)+2)
}

// answer draws a key and what it does.
func answer(t *theme.Theme, key, desc string) string {
	if t.Icons.ASCII {
		key = plainKey(key)
	}
	return t.Key.Render(key) + t.Tone(theme.Muted).Render(" "+desc)
}

func indent(t *theme.Theme, text string, w int) []string {
	var out []string
	for _, par := range strings.Split(text, "\n") {
		for _, l := range widget.Lines(widget.Clean(par), w) {
			out = append(out, "  "+t.Text.Render(l))
		}
	}
	return out
}

// confirm asks before something is done.
type confirm struct {
	title, text, yes string
	do               func(*App) tea.Cmd
	// leaves says that what is not saved is part of the question.
	leaves bool
}

func (d *confirm) bindings(a *App) keys.Set {
	return keys.Set{
		{Keys: []string{"y", "enter"}, Action: yesAction, Desc: "yes", Long: "do what the question is about", Run: func() tea.Cmd { a.pop(); return d.do(a) }},
		{Keys: []string{"n", "q"}, Action: noAction, Desc: "no", Long: "keep everything as it is", Run: a.popped},
		a.escapeBinding(),
	}
}

func (d *confirm) replies() []reply {
	return []reply{{"enter/y", d.yes, yesAction}, {"esc/n", "keep everything as it is", noAction}}
}

func (d *confirm) view(ctx *pane.Context, w, _ int) string {
	t := ctx.Theme
	w = min(w, 62)
	return card(t, d.title, foot(ctx, d.replies()), indent(t, d.text, w-6), w, theme.Warn)
}

// message is something to be read.
type message struct {
	title, text string
	tone        theme.Tone
	// offset is the first line that is seen, of those that have no room at most last.
	offset, last int
}

// note makes a message; it is for errors, which stay until they were read.
func note(title, text string) *message { return &message{title: title, text: text, tone: theme.Bad} }

func (d *message) bindings(a *App) keys.Set {
	// The first that fits wins: a blank has been read.
	return append(keys.Set{a.closeBinding(readAction, "enter", "q", "space"), a.escapeBinding()}, scrolling(&d.offset, &d.last)...)
}

func (d *message) replies() []reply {
	list := []reply{{"enter", "all right", readAction}}
	if d.last > 0 {
		list = append(list, reply{"↓ ↑", "more", "page-down"})
	}
	return list
}

func (d *message) view(ctx *pane.Context, w, h int) string {
	t := ctx.Theme
	w = min(w, 78)
	lines := indent(t, d.text, w-6)
	room := max(1, h-7)
	d.last = max(0, len(lines)-room)
	d.offset = min(d.offset, d.last)
	if d.last > 0 {
		lines = lines[d.offset : d.offset+room]
	}
	return card(t, d.title, foot(ctx, d.replies()), lines, w, d.tone)
}

// picker picks one of a few.
type picker struct {
	title string
	items []string
	at    int
	name  func(string) string
	do    func(*App, string) tea.Cmd
	// from is the first item that is seen, of as many as shown.
	from, shown int
}

func (d *picker) bindings(a *App) keys.Set {
	by := func(n int) func() tea.Cmd {
		return func() tea.Cmd { d.at = max(0, min(d.at+n, len(d.items)-1)); return nil }
	}
	return keys.Set{
		{Keys: []string{"down", "j", "tab"}, Label: "↓/j", Desc: "down", Run: by(1)},
		{Keys: []string{"up", "k", "shift+tab"}, Label: "↑/k", Desc: "up", Run: by(-1)},
		{Keys: []string{"enter", "space"}, Action: chooseAction, Desc: "choose", Run: func() tea.Cmd {
			a.pop()
			return d.do(a, d.items[d.at])
		}},
		a.closeBinding("close-list", "q"), a.escapeBinding(),
	}
}

func (d *picker) replies() []reply {
	return []reply{{"enter", "choose", chooseAction}, {"esc", "back", escapeReply}}
}

// choose implements chooser.
func (d *picker) choose(line int) bool {
	at := d.from + line
	if line < 0 || line >= d.shown || at >= len(d.items) {
		return false
	}
	d.at = at
	return true
}

func (d *picker) view(ctx *pane.Context, w, h int) string {
	t := ctx.Theme
	w = min(w, 44)
	rows := max(1, min(len(d.items), h-8))
	_, from := widget.List{Cursor: d.at, Offset: max(0, d.at-rows/2)}.View(len(d.items), rows)
	d.from, d.shown = from, rows
	var lines []string
	for i := from; i < from+rows; i++ {
		line := widget.Fit(" "+d.name(d.items[i]), w-6, t.Icons.Ellipsis)
		if i == d.at {
			line = t.Selected.Render(line)
		} else {
			line = t.Text.Render(line)
		}
		lines = append(lines, "  "+line)
	}
	return card(t, d.title, foot(ctx, d.replies()), lines, w, theme.Accent)
}
