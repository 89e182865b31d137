package command

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

func (l *Line) done(msg DoneMsg) {
	if msg.from != l.running {
		return
	}
	l.running = nil
	t := l.ctx.Theme
	switch {
	case msg.from.stopped:
		l.pager.Append(t.Tone(theme.Muted).Render(t.Icons.Stopped + " stopped"))
	case msg.Err != nil:
		l.pager.Append(t.Tone(theme.Bad).Render(t.Icons.Failing + " " + widget.Clean(msg.Err.Error())))
	case msg.Code != 0:
		l.pager.Append(t.Tone(theme.Warn).Render(fmt.Sprintf("%s exit code %d", t.Icons.Failing, msg.Code)))
	}
	l.pager.Append("")
}

func (l *Line) note(text string) {
	t := l.ctx.Theme
	l.docked = true
	for _, s := range widget.Lines(widget.Clean(text), max(20, l.w-6)) {
		l.pager.Append(t.Tone(theme.Warn).Render(t.Icons.Warning + " " + s))
	}
}

func (l *Line) Ran(code int) {
	if code != 0 {
		t := l.ctx.Theme
		l.pager.Append(t.Tone(theme.Warn).Render(fmt.Sprintf("%s exit code %d", t.Icons.Failing, code)))
	}
	l.pager.Append("")
}

func (l *Line) Dock(focused bool) string {
	t := l.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis,
		Title: t.HeadingBold.Render("kubectl"), Scroll: l.pager.Position(), Thumb: t.Icons.ScrollThumb,
	}
	if focused {
		box.Style, box.Title = t.BorderFocus, t.Key.Render("kubectl")
	}
	if l.running != nil {
		sign, tone := t.Icons.Spinner[l.ctx.Frame%len(t.Icons.Spinner)], theme.Busy
		box.Right = t.Tone(tone).Render(sign + " runs, ctrl+c stops it")
	} else if !l.open {
		box.Right = t.Heading.Render("esc closes")
	}
	lines := strings.Split(l.pager.View(t.Icons.Ellipsis), "\n")
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return box.Draw(strings.Join(lines, "\n"), l.w, l.h)
}

func (l *Line) View(w int) (string, *tea.Cursor) {
	t := l.ctx.Theme
	prompt := t.Prompt.Render(" : ") + t.Tone(theme.Muted).Render("kubectl ")
	l.styles()
	hint := ""
	if l.input.Value() == "" {
		for _, text := range []string{
			"get pods -A, or a kind: po, deploy shop   enter runs, tab completes, esc leaves ", "or a kind: po, deploy shop   tab completes, esc leaves ", "esc leaves ",
		} {
			const typed = 6 // room to see that something can be typed
			if hint = t.Tone(theme.Faint).Render(text); widget.Width(prompt)+typed+len(text) <= w {
				break
			}
		}
	}
	line := widget.Spread(prompt+l.input.View(), hint, w, "")
	cursor := l.input.Cursor()
	if cursor != nil {
		cursor.X = min(w-1, cursor.X+widget.Width(prompt))
		cursor.Blink = false
	}
	return line, cursor
}

func (l *Line) styles() {
	s := textinput.DefaultStyles(l.ctx.Theme.IsDark)
	s.Focused.Text, s.Blurred.Text = l.ctx.Theme.Text.Style(), l.ctx.Theme.Text.Style()
	l.input.SetStyles(s)
}
