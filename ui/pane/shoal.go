package pane

import (
	"fmt"
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// shoal is how a tank's pods are arranged: with their names as long as those
// fit, as signs only when there are more, as numbers when there are too many.
type shoal struct {
	w, h, n int
	// cols is the number of columns and width the cells of each; 0 columns is
	// numbers only.
	cols, width int
	names       bool
}

const nameWidth = 14

// shoal arranges the pods of tank i, drawn in r.
func (p *Tanks) shoal(i int, r layout.Rect) shoal {
	h := r.H - 2 - 1 // frame, surface
	if r.H-2 >= 5 {
		h -= 2 // bars
	}
	return arrange(len(p.pods[i]), r.W-2, h)
}

func arrange(n, w, h int) shoal {
	s := shoal{w: w, h: max(0, h), n: n}
	inner := w - 1
	if s.h == 0 || inner < 3 {
		return s
	}
	for cols := 1; cols == 1 || inner/cols >= nameWidth; cols++ {
		if (n+cols-1)/cols <= s.h {
			s.cols, s.width, s.names = cols, inner/cols, true
			return s
		}
	}
	for _, width := range []int{2, 1} {
		cols := inner / width
		if (n+cols-1)/cols <= s.h {
			s.cols, s.width = cols, width
			return s
		}
	}
	return s
}

// at is the pod under a cell, counted from the first line of pods; -1 for none.
func (s shoal) at(x, y int) int {
	if s.cols == 0 || y < 0 || y >= s.h || x < 1 {
		return -1
	}
	col := (x - 1) / s.width
	i := y*s.cols + col
	if col >= s.cols || i >= s.n {
		return -1
	}
	return i
}

// draw draws the lines of water with the pods of tank i in them.
func (s shoal) draw(p *Tanks, i int, here bool, water func(line int) color.Color) []string {
	pods := p.pods[i]
	lines := make([]string, s.h)
	for y := range lines {
		bg := lipgloss.NewStyle().Background(water(y))
		var b strings.Builder
		b.WriteString(bg.Render(" "))
		used := 1
		if s.cols == 0 {
			text, style := p.tally(pods, y)
			b.WriteString(style.Inherit(bg).Render(text))
			used += ansi.StringWidth(text)
		}
		for x := range s.cols {
			at := y*s.cols + x
			if at >= len(pods) {
				break
			}
			b.WriteString(s.pod(p, pods[at], here && at == p.pod, bg))
			used += s.width
		}
		b.WriteString(bg.Render(strings.Repeat(" ", max(0, s.w-used))))
		lines[y] = b.String()
	}
	return lines
}

// pod draws one pod in exactly the width of a column.
func (s shoal) pod(p *Tanks, f *facts.Pod, selected bool, bg lipgloss.Style) string {
	t := p.ctx.Theme
	sign, tone := PodSign(p.ctx, f.State)
	if !s.names {
		style := t.Tone(tone).Inherit(bg)
		if selected {
			style = t.Selected
		}
		return style.Render(sign) + bg.Render(strings.Repeat(" ", s.width-1))
	}
	name, word := f.Short, ""
	if t.Icons.ASCII {
		name = strings.ReplaceAll(name, "…", t.Icons.Ellipsis)
	}
	switch f.State {
	case facts.Running:
	case facts.NotReady:
		word = "not ready" // the API says Running, which is no news here
	default:
		word = f.Word
	}
	room := s.width - 3 // sign, space before the name and after it
	if word != "" && ansi.StringWidth(word)+9 > room {
		word = ""
	}
	if word != "" {
		room -= ansi.StringWidth(word) + 1
	}
	name = widget.Fit(widget.Middle(name, room, t.Icons.Ellipsis), room, t.Icons.Ellipsis)
	if selected {
		text := sign + " " + name
		if word != "" {
			text += " " + word
		}
		return t.Selected.Render(text) + bg.Render(" ")
	}
	text := t.Text
	if f.Object.Namespace == "kube-system" {
		text = t.Tone(theme.Muted)
	}
	out := t.Tone(tone).Inherit(bg).Render(sign) + text.Inherit(bg).Render(" "+name)
	if word != "" {
		out += t.Tone(tone).Inherit(bg).Render(" " + word)
	}
	return out + bg.Render(" ")
}

// tally is line y of the numbers shown instead of too many pods.
func (p *Tanks) tally(pods []*facts.Pod, y int) (string, lipgloss.Style) {
	var n [facts.Unknown + 1]int
	for _, f := range pods {
		n[f.State]++
	}
	for s, k := range n {
		if k == 0 {
			continue
		}
		if y == 0 {
			sign, tone := PodSign(p.ctx, facts.State(s))
			return fmt.Sprintf("%s %d %s", sign, k, facts.State(s)), p.ctx.Theme.Tone(tone)
		}
		y--
	}
	return "", lipgloss.NewStyle()
}
