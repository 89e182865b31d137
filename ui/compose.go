package ui

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"kubarium/ui/layout"
	"kubarium/ui/widget"
)

// piece is what is drawn in a part of the screen.
type piece struct {
	layout.Rect
	lines []string
}

// frame is a screen that is being drawn, in pieces that do not overlap.
type frame struct {
	w, h   int
	pieces []piece
}

func (f *frame) put(r layout.Rect, s string) {
	if !r.Empty() {
		f.pieces = append(f.pieces, piece{r, strings.Split(s, "\n")})
	}
}

// String is the whole screen. Lines of text are put side by side as they are: to draw them
// into cells, and those into text again, took most of a frame's time.
func (f *frame) String() string {
	slices.SortStableFunc(f.pieces, func(a, b piece) int { return a.X - b.X })
	var out strings.Builder
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
