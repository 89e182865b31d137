package pane

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// shoal is how a tank's pods are arranged: with their names as long as those
// fit, as signs only when there are more, as numbers when there are too many.
type shoal struct {
	w, h int
	// top is how many lines are above the pods: the surface, or why a tank is dry.
	top int
	dry bool
	// names says that pods have room for their names.
	names bool
	// spots are in the order of lines, then columns; none is numbers only.
	spots []spot
}

// spot is a pod's place, or that of the name of an owner whose pods follow.
type spot struct {
	x, y, w int
	// pod is the index of the pod; -1 is a label.
	pod   int
	label string
}

const (
	nameWidth  = 14
	ownerWidth = 16
)

// shoal arranges the pods of tank i, drawn in r.
func (p *Tanks) shoal(i int, r layout.Rect) shoal {
	n, h, top := p.nodes[i], depth(r), 1
	dry := p.dry(n)
	if dry {
		top = len(p.reason(n, r.W-2, h))
	}
	h = max(0, h-top)
	s := arrange(len(p.pods[i]), r.W-2, h)
	if p.grouped {
		s = arrangeOwners(p.pods[i], r.W-2, h)
	}
	s.top, s.dry = top, dry
	return s
}

func arrange(n, w, h int) shoal {
	s := shoal{w: w, h: h}
	inner := w - 1
	if s.h == 0 || inner < 3 {
		return s
	}
	for cols := 1; cols == 1 || inner/cols >= nameWidth; cols++ {
		if (n+cols-1)/cols <= s.h {
			s.names = true
			return s.fill(n, cols, inner/cols)
		}
	}
	for _, width := range []int{2, 1} {
		cols := inner / width
		if (n+cols-1)/cols <= s.h {
			return s.fill(n, cols, width)
		}
	}
	return s
}

func (s shoal) fill(n, cols, width int) shoal {
	s.spots = make([]spot, n)
	for i := range s.spots {
		s.spots[i] = spot{x: 1 + i%cols*width, y: i / cols, w: width, pod: i}
	}
	return s
}

// arrangeOwners puts pods behind the names of their owners. What does not fit is
// counted in the last line.
func arrangeOwners(pods []*facts.Pod, w, h int) shoal {
	s := shoal{w: w, h: h}
	label := min(ownerWidth, w/2)
	if h == 0 || w < 12 {
		return s
	}
	for _, width := range []int{2, 1} {
		if s.spots = spread(pods, w, label, width); len(s.spots) == 0 || s.spots[len(s.spots)-1].y < h {
			return s
		}
	}
	for i, one := range s.spots {
		if one.y == h-1 {
			s.spots = s.spots[:i]
			break
		}
	}
	more := len(pods)
	for _, one := range s.spots {
		if one.pod >= 0 {
			more--
		}
	}
	s.spots = append(s.spots, spot{x: 1, y: h - 1, w: w - 2, pod: -1, label: fmt.Sprintf("and %d more", more)})
	return s
}

// spread gives each owner a line, and more if its pods need them.
func spread(pods []*facts.Pod, w, label, width int) []spot {
	var spots []spot
	x, y := w, -1
	for i, f := range pods {
		fresh := i == 0 || !sameOwner(f, pods[i-1])
		if fresh || x+width > w {
			x, y = 1+label, y+1
		}
		if fresh {
			spots = append(spots, spot{x: 1, y: y, w: label, pod: -1, label: ownerOf(f)})
		}
		spots = append(spots, spot{x: x, y: y, w: width, pod: i})
		x += width
	}
	return spots
}

func sameOwner(a, b *facts.Pod) bool {
	return a.Owner == b.Owner && a.Object.Namespace == b.Object.Namespace
}

func ownerOf(f *facts.Pod) string {
	if f.Owner == "" {
		return "(no owner)"
	}
	return f.Owner
}

// at is the pod under a cell, counted from the tank's first line inside its frame; -1 for none.
func (s shoal) at(x, y int) int {
	if y -= s.top; y >= s.h {
		return -1
	}
	for _, one := range s.spots {
		if one.y == y && x >= one.x && x < one.x+one.w {
			return one.pod
		}
	}
	return -1
}

// draw draws the lines below the top with the pods of tank i in them.
func (s shoal) draw(p *Tanks, i int, here bool, back func(line int) theme.Ink) []string {
	pods, next := p.pods[i], 0
	if s.dry {
		pods = unheard(pods)
	}
	lines := make([]string, s.h)
	for y := range lines {
		bg := back(y)
		var b strings.Builder
		x := 0
		gap := func(to int) {
			if to > x {
				b.WriteString(bg.Render(strings.Repeat(" ", to-x)))
				x = to
			}
		}
		if len(s.spots) == 0 {
			text, style := p.tally(pods, y)
			text = ansi.Truncate(text, max(0, s.w-1), p.ctx.Theme.Icons.Ellipsis)
			gap(1)
			b.WriteString(style.On(bg).Render(text))
			x += widget.Width(text)
		}
		for ; next < len(s.spots) && s.spots[next].y == y; next++ {
			one := s.spots[next]
			gap(one.x)
			if one.pod < 0 {
				b.WriteString(p.label(one, bg))
			} else {
				b.WriteString(p.swimmer(pods[one.pod], one.w, s.names, here && one.pod == p.pod, bg))
			}
			x += one.w
		}
		gap(s.w)
		lines[y] = b.String()
	}
	return lines
}

func (p *Tanks) label(s spot, bg theme.Ink) string {
	t := p.ctx.Theme
	return t.Tone(theme.Muted).On(bg).Render(widget.Fit(widget.Middle(s.label, s.w-1, t.Icons.Ellipsis), s.w, ""))
}

// swimmer draws one pod in exactly w cells.
func (p *Tanks) swimmer(f *facts.Pod, w int, names, selected bool, bg theme.Ink) string {
	t := p.ctx.Theme
	sign, style := p.sign(f)
	style = style.On(bg)
	mark := p.mark(f)
	if !names {
		if selected {
			style = t.Selected
		} else if mark != "" && w == 1 {
			style = style.Underline()
		}
		out := style.Render(sign)
		if w > 1 {
			if widget.Width(mark) > w-1 {
				mark = "+"
			}
			out += p.markOf(mark, w-1, bg)
		}
		return out
	}
	if mark != "" {
		mark = " " + mark // not to be read as a part of the word before it
	}
	room := max(1, widget.Width(mark))
	name, word := p.words(f, w-2-room) // sign, space before the name, and the mark
	if selected {
		text := sign + " " + name
		if word != "" {
			text += " " + word
		}
		return t.Selected.Render(text) + p.markOf(mark, room, bg)
	}
	marked, text := p.ctx.pointed("Pod", f.Object.Namespace, f.Object.Name, t.Text)
	if marked != f.Object.Name {
		// The width is as it was: what is marked is underlined, too.
		return style.Render(sign) + text.Underline().On(bg).Render(" "+name) + wordOf(style, word) + p.markOf(mark, room, bg)
	}
	if f.Object.Namespace == "kube-system" {
		text = t.Tone(theme.Muted)
	}
	if mark != "" {
		text = text.Bold()
	}
	return style.Render(sign) + text.On(bg).Render(" "+name) + wordOf(style, word) + p.markOf(mark, room, bg)
}

// words are a pod's name and, unless all is well with it, its state: together as wide
// as there is room.
func (p *Tanks) words(f *facts.Pod, room int) (name, word string) {
	ellipsis := p.ctx.Theme.Icons.Ellipsis
	name = strings.ReplaceAll(f.Short, "…", ellipsis)
	switch f.State {
	case facts.Running:
	case facts.NotReady, facts.Pulling, facts.Restarting:
		word = f.State.String() // kubectl's word, Running or ContainerCreating, tells less
	default:
		word = f.Word
	}
	if word != "" && widget.Width(word)+9 > room {
		word = ""
	}
	if word != "" {
		room -= widget.Width(word) + 1
	}
	return widget.Fit(widget.Middle(name, room, ellipsis), room, ellipsis), word
}

// tally is line y of the numbers shown instead of too many pods.
func (p *Tanks) tally(pods []*facts.Pod, y int) (string, theme.Ink) {
	for s, k := range states(pods) {
		if k == 0 {
			continue
		}
		if y == 0 {
			sign, tone := PodSign(p.ctx, facts.State(s))
			return fmt.Sprintf("%s %d %s", sign, k, facts.State(s)), p.ctx.Theme.Tone(tone)
		}
		y--
	}
	return "", theme.Ink{}
}

// states counts pods by their state.
func states(pods []*facts.Pod) (n [facts.Unknown + 1]int) {
	for _, f := range pods {
		n[f.State]++
	}
	return n
}

// unheard are pods of whose node nothing is heard: what the API server says of them is not
// what is there.
func unheard(pods []*facts.Pod) []*facts.Pod {
	out := make([]*facts.Pod, len(pods))
	for i, f := range pods {
		pod := *f
		pod.State, pod.Word = facts.Unknown, ""
		out[i] = &pod
	}
	return out
}

// wordOf is a pod's word behind its name, if it has one.
func wordOf(style theme.Ink, word string) string {
	if word == "" {
		return ""
	}
	return style.Render(" " + word)
}
