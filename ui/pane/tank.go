package pane

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// off reports whether the node's machine is switched off.
func (p *Tanks) off(n *facts.Node) bool {
	i, ok := p.ctx.Component(n.Object.Name)
	return ok && (i.State == component.Stopped || i.State == component.Failed)
}

// A tank below narrowTank has no room for two words, and of a mark of less than leastMark
// cells only the sign can be read.
const (
	narrowTank = 34
	leastMark  = 8
)

// tank draws one node: the frame is the glass, the pods are in the water, and
// below it is how much of the node is taken. A node that is not ready has no water.
func (p *Tanks) tank(i int, r layout.Rect, focused bool) string {
	n, t := p.nodes[i], p.ctx.Theme
	here := i == p.cursor && focused
	box := widget.Box{Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis}
	sign, tone, word := p.state(n)
	shown, style := p.ctx.pointed("Node", "", n.Object.Name, t.Bold)
	name := style.Render(shown)
	if here {
		box.Style = t.BorderFocus
		if p.pod < 0 {
			name = t.Selected.Bold().Render(" " + n.Object.Name + " ")
		}
	}
	box.Title = t.Tone(tone).Render(sign) + " " + name
	if r.W < narrowTank {
		word = strings.TrimPrefix(word, "Ready,")
	}
	box.Right = t.Tone(tone).Render(word)
	if mark := p.ctx.Marks[n.Object.Name]; mark != "" {
		room := r.W - 10 - widget.Width(box.Title) - widget.Width(word)
		if mark = ansi.Truncate(t.Icons.Warning+" "+mark, max(0, room), t.Icons.Ellipsis); room < leastMark {
			mark = t.Icons.Warning
		}
		box.Right = t.Tone(theme.Warn).Bold().Render(mark) + " " + box.Right
	}
	pods := widget.Plural(len(n.Pods), "pod", "pods")
	if shown := len(p.pods[i]); shown < len(n.Pods) {
		pods = fmt.Sprintf("%d of %s", shown, pods)
	}
	box.Foot = t.Tone(theme.Faint).Render(pods)

	w, water := r.W-2, depth(r)
	lines, back := []string{p.surface(i, w, water)}, func(line int) theme.Ink { return theme.Back(t.Water(line+1, water)) }
	if p.dry(n) {
		lines, back = p.reason(n, w, water), func(int) theme.Ink { return theme.NewInk(lipgloss.NewStyle()) }
	}
	lines = append(lines, p.shoal(i, r).draw(p, i, here, back)...)
	if water < r.H-2 {
		used, known := p.ctx.NodeUse[n.Object.Name]
		lines = append(lines,
			p.bar("cpu", n.CPU, used.Millicores(), known, facts.Cores, w),
			p.bar("mem", n.Memory, int64(used.Memory), known, facts.Bytes, w))
	}
	return box.Draw(strings.Join(lines, "\n"), r.W, r.H)
}

// state is the node's sign and word: what its machine says comes first.
func (p *Tanks) state(n *facts.Node) (string, theme.Tone, string) {
	if i, ok := p.ctx.Component(n.Object.Name); ok && i.State != component.Ready && i.State != "" {
		sign, tone := ComponentSign(p.ctx, i.State)
		return sign, tone, string(i.State)
	}
	sign, tone := PodSign(p.ctx, n.State)
	word := n.Word
	if n.Object.Spec.Unschedulable {
		word, tone = strings.Replace(word, "SchedulingDisabled", "cordoned", 1), theme.Warn
	}
	return sign, tone, word
}

// surface is the line where the water begins.
func (p *Tanks) surface(i, w, water int) string {
	t := p.ctx.Theme
	style := lipgloss.NewStyle().Foreground(t.Bubble()).Background(t.Water(0, water))
	pattern := strings.Repeat(t.Icons.Wave, 3) + strings.Repeat(t.Icons.WaveAlt, 2)
	runes := []rune(strings.Repeat(pattern, w/5+2))
	shift := i * 3 % 5
	return style.Render(string(runes[shift : shift+w]))
}

// depth is how many lines of a tank are for its pods and what is above them. Only where there
// are some are there bars, too.
func depth(r layout.Rect) int {
	h := r.H - 2
	if h < 5 {
		return max(0, h)
	}
	return h - 2
}

// dry reports whether a tank has no water: nothing is heard of its pods.
func (p *Tanks) dry(n *facts.Node) bool { return n.State != facts.Running || p.off(n) }

// reason says why a tank is dry, in no more than a third of its h lines: its pods are to be seen,
// too, and the summary of the node has all of it.
func (p *Tanks) reason(n *facts.Node, w, h int) []string {
	t := p.ctx.Theme
	why := "no word from this node"
	if p.off(n) {
		why = "switched off: s starts it"
		if n.State == facts.Running {
			why += ". The API server does not know yet."
		}
	} else if n.Message != "" {
		why = n.Message
	}
	told := widget.Lines(widget.Clean(why), max(1, w-4))
	if most := max(1, (h+1)/3); len(told) > most {
		told = told[:most]
		told[most-1] = ansi.Truncate(told[most-1]+" "+t.Icons.Ellipsis, max(1, w-4), t.Icons.Ellipsis)
	}
	var out []string
	for _, l := range told {
		out = append(out, widget.Fit("  "+t.Tone(theme.Warn).Render(l), w, t.Icons.Ellipsis))
	}
	if air := strings.Repeat(" ", max(0, w)); h > 2*len(told)+4 {
		out = append(append([]string{air}, out...), air)
	}
	return out
}

// bar shows how much of a resource the pods have asked for and, if that is known,
// how much the node uses.
func (p *Tanks) bar(name string, u facts.Use, used int64, known bool, write func(int64) string, w int) string {
	t := p.ctx.Theme
	words := fmt.Sprintf(" %s of %s", write(u.Requested), write(u.Allocatable))
	switch {
	case w < 26:
		words = fmt.Sprintf(" %s/%s", write(u.Requested), write(u.Allocatable))
	case known && w >= 58:
		words = fmt.Sprintf(" %s used, %s of %s requested", write(used), write(u.Requested), write(u.Allocatable))
	case w >= 44:
		words += " requested"
	}
	tone := theme.Accent
	if u.Share() > 0.9 {
		tone = theme.Warn
	}
	room := w - widget.Width(name) - 3 - widget.Width(words)
	if room < 4 {
		return " " + t.Tone(theme.Muted).Render(name+words)
	}
	gauge := widget.Bar(u.Share(), room, t.Icons.BarFull, t.Icons.BarEmpty, t.Tone(tone), t.Border)
	if known {
		gauge = p.gauge(u, used, room, t.Tone(tone))
	}
	return " " + t.Tone(theme.Muted).Render(name) + " " + gauge + t.Tone(theme.Muted).Render(words)
}

// gauge has a shape each for what is requested and used, requested only, and used only.
func (p *Tanks) gauge(u facts.Use, used int64, w int, on theme.Ink) string {
	i := p.ctx.Theme.Icons
	cells := func(n int64) int {
		if n <= 0 || u.Allocatable <= 0 {
			return 0
		}
		return max(1, min(w, int(float64(n)/float64(u.Allocatable)*float64(w)+0.5)))
	}
	asked, taken := cells(u.Requested), cells(used)
	both := min(asked, taken)
	bar := strings.Repeat(i.BarBoth, both) + strings.Repeat(i.BarAsked, asked-both) + strings.Repeat(i.BarUsed, taken-both)
	return on.Render(bar) + p.ctx.Theme.Border.Render(strings.Repeat(i.BarEmpty, max(0, w-max(asked, taken))))
}
