package widget

import (
	"image/color"

	"charm.land/lipgloss/v2"
)

// Flood puts a background behind a block, for each line its own; nil and what
// has one already stay as they are.
func Flood(block string, back func(line int) color.Color) string {
	w, h := lipgloss.Size(block)
	canvas := lipgloss.NewCanvas(w, h)
	canvas.Compose(lipgloss.NewLayer(block))
	for y := range h {
		c := back(y)
		if c == nil {
			continue
		}
		for x := range w {
			if cell := canvas.CellAt(x, y); cell != nil && cell.Style.Bg == nil {
				cell.Style.Bg = c
			}
		}
	}
	return canvas.Render()
}

// Dim takes the colours out of what is on a canvas, so that what is drawn over it
// stands out.
func Dim(canvas *lipgloss.Canvas, c color.Color) {
	for y := range canvas.Height() {
		for x := range canvas.Width() {
			if cell := canvas.CellAt(x, y); cell != nil {
				cell.Style.Fg, cell.Style.Bg, cell.Style.Attrs = c, nil, 0
			}
		}
	}
}
