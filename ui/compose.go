package ui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"kubarium/ui/gauge"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// backgroundPause is how long after a frame no other is drawn for what nobody pressed a key
// for: the next one shows that too. It leaves the time to keys.
const backgroundPause = 66 * time.Millisecond

// paint is what has been drawn already.
type paint struct {
	// view is the last frame, drawn at that time.
	view  tea.View
	drawn time.Time
	// hold says that the next frame may be the last one again, and later that somebody
	// has been told to draw it anew.
	hold, later bool
	// panes are drawn as they were, but for those that may have changed: all, or the one
	// that took a key.
	panes map[layout.Name]painted
	// moved is the pane in which a key did no more than to move.
	moved layout.Name
}

// painted is a pane as it was drawn last, and what that depends on beside the cluster.
type painted struct {
	text, tabs string
	rect       layout.Rect
	focused    bool
}

// drawMsg has a frame drawn that was put off.
type drawMsg struct{}

// putOff decides, after a message was taken over, whether its frame may wait.
func (a *App) putOff(msg tea.Msg) tea.Cmd {
	switch msg.(type) {
	case watch.SnapshotMsg, tickMsg, gauge.Report:
	case drawMsg:
		a.paint.later = false
		if !a.paint.hold {
			// The frame of a key has shown it.
			a.paint.hold = true
			return nil
		}
	default:
		a.paint.hold = false
		return nil
	}
	wait := backgroundPause - a.now().Sub(a.paint.drawn)
	if wait <= 0 || a.tick.off {
		a.paint.hold = false
		return nil
	}
	a.paint.hold = true
	if a.paint.later {
		return nil
	}
	a.paint.later = true
	return tea.Tick(wait, func(time.Time) tea.Msg { return drawMsg{} })
}

// repaint says what has to be drawn anew after a message.
func (a *App) repaint(all bool) {
	if all || a.paint.moved == "" || a.paint.panes == nil {
		a.paint.panes = map[layout.Name]painted{}
		return
	}
	delete(a.paint.panes, a.paint.moved)
}

// paneView is a pane as it is drawn now.
func (a *App) paneView(n layout.Name, p pane.Pane) string {
	now := painted{tabs: a.tabLine(n), rect: a.layout.Rect(n), focused: n == a.focus && !a.line.Open()}
	last, ok := a.paint.panes[n]
	now.text = last.text
	if !ok || now != last {
		now.text = p.View(now.focused, now.tabs)
		a.paint.panes[n] = now
	}
	return now.text
}

// piece is what is drawn in a part of the screen.
type piece struct {
	layout.Rect
	lines []string
}

// frame is a screen that is being drawn, in pieces that do not overlap.
type frame struct {
	w, h   int
	pieces []piece
	// bytes is how long the text of all pieces is.
	bytes int
}

func (f *frame) put(r layout.Rect, s string) {
	if !r.Empty() {
		f.pieces = append(f.pieces, piece{r, strings.Split(s, "\n")})
		f.bytes += len(s)
	}
}

// String is the whole screen. Lines of text are put side by side as they are: to draw them
// into cells, and those into text again, took most of a frame's time.
func (f *frame) String() string {
	slices.SortStableFunc(f.pieces, func(a, b piece) int { return a.X - b.X })
	var out strings.Builder
	out.Grow(f.bytes + f.w*f.h)
	for y := range f.h {
		if y > 0 {
			out.WriteByte('\n')
		}
		at := 0
		for i := range f.pieces {
			p := &f.pieces[i]
			if y < p.Y || y >= p.Bottom() || p.X < at {
				continue
			}
			out.WriteString(strings.Repeat(" ", p.X-at))
			line := ""
			if y-p.Y < len(p.lines) {
				line = p.lines[y-p.Y]
			}
			w := min(p.W, f.w-p.X)
			out.WriteString(widget.Fit(line, w, ""))
			at = p.X + w
		}
		out.WriteString(strings.Repeat(" ", max(0, f.w-at)))
	}
	return out.String()
}

// canvas is the screen as cells, to draw over it.
func (f *frame) canvas() *lipgloss.Canvas {
	canvas := lipgloss.NewCanvas(f.w, f.h)
	canvas.Compose(lipgloss.NewLayer(f.String()))
	return canvas
}
