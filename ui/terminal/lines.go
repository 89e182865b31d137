package terminal

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
)

// selection is what the mouse has marked, from where it was pressed to where it is, in
// lines counted from the oldest that is kept.
type selection struct {
	on                     bool
	fromX, fromY, toX, toY int
}

// ordered is the selection from its upper to its lower end.
func (s selection) ordered() (x1, y1, x2, y2 int) {
	if s.fromY > s.toY || s.fromY == s.toY && s.fromX > s.toX {
		return s.toX, s.toY, s.fromX, s.fromY
	}
	return s.fromX, s.fromY, s.toX, s.toY
}

// span is what is marked of a line of w cells: from up to, not with, to.
func (s selection) span(y, w int) (from, to int) {
	x1, y1, x2, y2 := s.ordered()
	if !s.on || y < y1 || y > y2 {
		return 0, 0
	}
	from, to = 0, w
	if y == y1 {
		from = x1
	}
	if y == y2 {
		to = min(w, x2+1)
	}
	return from, to
}

// lines draws the rows that are shown, and tells how many there are.
func (p *Pane) lines() (lines []string, total int) {
	p.session.screen(func(t *vt.Emulator) {
		old := history(t)
		total = old + t.Height()
		p.back = min(p.back, old)
		first := total - t.Height() - p.back
		for y := first; y < first+t.Height(); y++ {
			line := lineAt(t, y)
			if from, to := p.choice.span(y, len(line)); from < to {
				line = slices.Clone(line)
				for x := from; x < to; x++ {
					line[x].Style.Attrs ^= uv.AttrReverse
				}
			}
			lines = append(lines, line.Render())
		}
	})
	return lines, total
}

// history is how many lines lie above the screen.
func history(t *vt.Emulator) int {
	if t.IsAltScreen() {
		return 0
	}
	return t.ScrollbackLen()
}

// lineAt is a line, counted from the oldest that is kept.
func lineAt(t *vt.Emulator, y int) uv.Line {
	old := history(t)
	if y < old {
		return t.Scrollback().Line(y)
	}
	line := make(uv.Line, t.Width())
	for x := range line {
		line[x] = uv.EmptyCell
		if c := t.CellAt(x, y-old); c != nil {
			line[x] = *c
		}
	}
	return line
}

// Mouse takes an event at a cell inside the pane. Programs that read the mouse get it;
// else a drag marks text, which goes to the clipboard when the button is let go.
func (p *Pane) Mouse(msg tea.MouseMsg, x, y int) tea.Cmd {
	if p.session == nil {
		return nil
	}
	x, y = max(0, min(x-1, p.w-3)), max(0, min(y-1, p.h-3))
	if p.session.WantsMouse() && p.back == 0 {
		p.session.Mouse(msg, x, y)
		return nil
	}
	switch m := msg.(type) {
	case tea.MouseWheelMsg:
		by := 3
		if m.Button == tea.MouseWheelUp {
			by = -3
		}
		p.Scroll(by)
	case tea.MouseClickMsg:
		at := p.lineOf(y)
		p.choice = selection{fromX: x, fromY: at, toX: x, toY: at}
	case tea.MouseMotionMsg:
		if m.Button == tea.MouseLeft {
			p.choice.on, p.choice.toX, p.choice.toY = true, x, p.lineOf(y)
		}
	case tea.MouseReleaseMsg:
		if text := p.selected(); text != "" {
			return tea.SetClipboard(text)
		}
	}
	return nil
}

// lineOf is the line in a row, counted from the oldest that is kept.
func (p *Pane) lineOf(row int) int {
	at := row
	p.session.screen(func(t *vt.Emulator) { at += history(t) - p.back })
	return at
}

// selected is the marked text.
func (p *Pane) selected() string {
	if !p.choice.on {
		return ""
	}
	var b strings.Builder
	p.session.screen(func(t *vt.Emulator) {
		_, y1, _, y2 := p.choice.ordered()
		for y := y1; y <= min(y2, history(t)+t.Height()-1); y++ {
			line := lineAt(t, y)
			from, to := p.choice.span(y, len(line))
			if y > y1 {
				b.WriteByte('\n')
			}
			if from < to {
				b.WriteString(strings.TrimRight(line[from:to].String(), " "))
			}
		}
	})
	return b.String()
}
