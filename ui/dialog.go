package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// dialog lies over the screen and takes all keys but ctrl+c.
type dialog interface {
	key(a *App, msg tea.KeyPressMsg) tea.Cmd
	// view draws it, no larger than w by h cells.
	view(t *theme.Theme, w, h int) string
	// replies are what its foot offers.
	replies() []reply
}

// chooser is a dialog with things in its lines, of which one is chosen.
type chooser interface {
	// choose moves the cursor to what is in a line below the heading, if there is any.
	choose(line int) bool
}

// reply is a key that a dialog's foot offers, as it is written there.
type reply struct {
	shown, desc string
	key         string
}

// replyGap is between two replies.
const replyGap = 5

func foot(t *theme.Theme, replies []reply) string {
	texts := make([]string, len(replies))
	for i, r := range replies {
		texts[i] = answer(t, r.shown, r.desc)
	}
	return strings.Join(texts, strings.Repeat(" ", replyGap))
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

func (d *confirm) key(a *App, msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "y", "enter":
		a.pop()
		return d.do(a)
	case "n", "esc", "q":
		a.pop()
	}
	return nil
}

func (d *confirm) replies() []reply {
	return []reply{{"enter/y", d.yes, "y"}, {"esc/n", "keep everything as it is", "n"}}
}

func (d *confirm) view(t *theme.Theme, w, _ int) string {
	w = min(w, 62)
	return card(t, d.title, foot(t, d.replies()), indent(t, d.text, w-6), w, theme.Warn)
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

func (d *message) key(a *App, msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "enter", "esc", "q", "space":
		a.pop()
	case "down", "j":
		d.offset = min(d.offset+1, d.last)
	case "up", "k":
		d.offset = max(0, d.offset-1)
	case "pgdown":
		d.offset = min(d.offset+10, d.last)
	case "pgup":
		d.offset = max(0, d.offset-10)
	}
	return nil
}

func (d *message) replies() []reply {
	list := []reply{{"enter", "all right", "enter"}}
	if d.last > 0 {
		list = append(list, reply{"↓ ↑", "more", "pgdown"})
	}
	return list
}

func (d *message) view(t *theme.Theme, w, h int) string {
	w = min(w, 78)
	lines := indent(t, d.text, w-6)
	room := max(1, h-7)
	d.last = max(0, len(lines)-room)
	d.offset = min(d.offset, d.last)
	if d.last > 0 {
		lines = lines[d.offset : d.offset+room]
	}
	return card(t, d.title, foot(t, d.replies()), lines, w, d.tone)
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

func (d *picker) key(a *App, msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "up", "k", "shift+tab":
		d.at = max(0, d.at-1)
	case "down", "j", "tab":
		d.at = min(len(d.items)-1, d.at+1)
	case "enter", "space":
		a.pop()
		return d.do(a, d.items[d.at])
	case "esc", "q":
		a.pop()
	}
	return nil
}

func (d *picker) replies() []reply {
	return []reply{{"enter", "choose", "enter"}, {"esc", "back", "esc"}}
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

func (d *picker) view(t *theme.Theme, w, h int) string {
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
	return card(t, d.title, foot(t, d.replies()), lines, w, theme.Accent)
}
