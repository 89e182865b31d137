// Package graph is the screen of graphs: what nodes and pods use, what is asked of the
// API server, how long the scheduler takes. All of it is readable without colour.
package graph

import (
	"fmt"
	"strings"
	"time"

	"github.com/NimbleMarkets/ntcharts/v2/sparkline"

	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// chart is one series of numbers, and how it is written.
type chart struct {
	name   string
	values []float64
	step   time.Duration
	write  func(float64) string
	// most is the number at the upper edge, such as all the memory of a node; 0 is the
	// largest of those in view.
	most float64
	// none says why there are no values.
	none string
}

// draw draws the chart in exactly w by h cells: columns from left to right, the last
// value above them, and below how large the largest is and how long it all took.
func (c chart) draw(ctx *pane.Context, w, h int) string {
	t := ctx.Theme
	box := widget.Box{Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis, Title: t.Title.Render(widget.Middle(c.name, w-16, t.Icons.Ellipsis))}
	if len(c.values) == 0 {
		var lines []string
		for _, l := range widget.Lines(c.none, max(1, w-4)) {
			lines = append(lines, t.Tone(theme.Muted).Render(l))
		}
		return box.Draw(widget.Center(strings.Join(lines, "\n"), w-2, h-2), w, h)
	}
	values := c.values[max(0, len(c.values)-(w-2)):]
	top := c.most
	for _, v := range values {
		top = max(top, v)
	}
	box.Right = t.Bold.Render(c.write(values[len(values)-1]))
	span := facts.Age(time.Duration(len(values)) * c.step)
	box.Foot = t.Tone(theme.Faint).Render(fmt.Sprintf("top %s, last %s", c.write(top), span))
	return box.Draw(columns(values, top, w-2, h-2, t), w, h)
}

// columns draws values as columns of blocks.
func columns(values []float64, top float64, w, h int, t *theme.Theme) string {
	if w < 1 || h < 1 || top <= 0 {
		return ""
	}
	// What is more than nothing shows.
	least := top / float64(8*h)
	shown := make([]float64, len(values))
	for i, v := range values {
		if shown[i] = v; v > 0 {
			shown[i] = max(v, least)
		}
	}
	line := sparkline.New(w, h, sparkline.WithNoAutoMaxValue(), sparkline.WithMaxValue(top), sparkline.WithData(shown), sparkline.WithStyle(t.Tone(theme.Accent).Style()))
	line.DrawColumnsOnly()
	s := line.View()
	if t.Icons.ASCII {
		s = strings.NewReplacer("▁", ".", "▂", ".", "▃", ":", "▄", ":", "▅", "+", "▆", "+", "▇", "#", "█", "#").Replace(s)
	}
	return s
}

// rate writes how often in a second.
func rate(n float64) string {
	switch {
	case n == 0:
		return "0/s"
	case n < 10:
		return fmt.Sprintf("%.1f/s", n)
	}
	return fmt.Sprintf("%.0f/s", n)
}

// cores writes little exactly: what is half a thousandth is not nothing.
func cores(n float64) string {
	if n > 0 && n < 0.01 {
		return fmt.Sprintf("%.1fm", max(n*1000, 0.1))
	}
	return facts.Cores(int64(n*1000 + 0.5))
}

func size(n float64) string { return facts.Bytes(int64(n)) }

// lasts writes seconds; ASCII has no micro sign.
func lasts(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0.001:
		return fmt.Sprintf("%.0f us", n*1e6)
	case n < 1:
		return fmt.Sprintf("%.1f ms", n*1e3)
	}
	return fmt.Sprintf("%.1f s", n)
}
