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
}

func (a *App) push(d dialog) { a.dialogs = append(a.dialogs, d) }

func (a *App) pop() {
	if n := len(a.dialogs); n > 0 {
		a.dialogs = a.dialogs[:n-1]
	}
}

// card is the frame of dialogs.
func card(t *theme.Theme, title, foot string, lines []string, w int, tone theme.Tone) string {
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Tone(tone), Ellipsis: t.Icons.Ellipsis,
		Title: t.Tone(tone).Bold(true).Render(title),
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

func (d *confirm) view(t *theme.Theme, w, _ int) string {
	w = min(w, 62)
	foot := answer(t, "enter/y", d.yes) + "     " + answer(t, "esc/n", "keep everything as it is")
	return card(t, d.title, foot, indent(t, d.text, w-6), w, theme.Warn)
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

func (d *message) view(t *theme.Theme, w, h int) string {
	w = min(w, 78)
	lines := indent(t, d.text, w-6)
	foot := answer(t, "enter", "all right")
	room := max(1, h-7)
	d.last = max(0, len(lines)-room)
	d.offset = min(d.offset, d.last)
	if d.last > 0 {
		lines = lines[d.offset : d.offset+room]
		foot += "     " + answer(t, "↓ ↑", "more")
	}
	return card(t, d.title, foot, lines, w, d.tone)
}

// picker picks one of a few.
type picker struct {
	title string
	items []string
	at    int
	name  func(string) string
	do    func(*App, string) tea.Cmd
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

func (d *picker) view(t *theme.Theme, w, h int) string {
	w = min(w, 44)
	rows := max(1, min(len(d.items), h-8))
	_, from := widget.List{Cursor: d.at, Offset: max(0, d.at-rows/2)}.View(len(d.items), rows)
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
	foot := answer(t, "enter", "choose") + "     " + answer(t, "esc", "back")
	return card(t, d.title, foot, lines, w, theme.Accent)
}
