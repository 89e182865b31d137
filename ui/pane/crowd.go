package pane

import (
	"fmt"
	"strings"

	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// A crowd is drawn in columns of crowdWidth cells; crowdAround is its frame and the
// line of sums.
const (
	crowdWidth  = 30
	crowdAround = 3
)

func (g grid) crowdCell(row, col, w int) layout.Rect {
	if row < 0 || row >= g.h-crowdAround {
		return layout.Rect{}
	}
	width := (w - 2) / g.cols
	return layout.Rect{X: 1 + col*width, Y: g.top + 2 + row, W: width, H: 1}
}

// crowd draws nodes as lines of numbers: how many pods are in which state.
func (p *Tanks) crowd(g grid, focused bool) string {
	rows := g.h - crowdAround
	title, n := p.Title()
	box := frame(p.ctx, title, n, "", focused, &widget.Scroll{Offset: g.first, Visible: rows, Total: g.rows})
	lines := []string{" " + p.sums()}
	width := (p.w - 2) / g.cols
	for row := g.first; row < min(g.rows, g.first+rows); row++ {
		var b strings.Builder
		for i := row * g.cols; i < min((row+1)*g.cols, len(p.nodes)); i++ {
			b.WriteString(p.crowdLine(i, width, focused && i == p.cursor))
		}
		lines = append(lines, b.String())
	}
	return box.Draw(strings.Join(lines, "\n"), p.w, g.h)
}

// crowdKey is all that a node's line depends on. Lines are kept: most stay the same from
// frame to frame, and styling them is what costs.
type crowdKey struct {
	theme       *theme.Theme
	name, sign  string
	tone        theme.Tone
	pods        [facts.Unknown + 1]int
	share, w    int
	frame       int
	highlighted bool
}

// keptLines is how many lines are kept before all are made anew.
const keptLines = 4096

func (p *Tanks) crowdLine(i, w int, here bool) string {
	n := p.nodes[i]
	key := crowdKey{theme: p.ctx.Theme, name: n.Object.Name, pods: p.states[i], share: int(100*n.CPU.Share() + 0.5), w: w, highlighted: here}
	key.sign, key.tone, _ = p.state(n)
	if p.ctx.Marks[n.Object.Name] != "" || n.Object.Spec.Unschedulable && n.State == facts.Running {
		key.sign, key.tone = p.ctx.Theme.Icons.Warning, theme.Warn // its tank would say why
	}
	if k := key.pods; k[facts.Pulling]+k[facts.Creating]+k[facts.Restarting]+k[facts.Terminating] > 0 {
		key.frame = p.ctx.Frame // their signs move
	}
	line, ok := p.lines[key]
	if !ok {
		if len(p.lines) >= keptLines || p.lines == nil {
			p.lines = map[crowdKey]string{}
		}
		line = p.drawCrowdLine(key)
		p.lines[key] = line
	}
	return line
}

func (p *Tanks) drawCrowdLine(k crowdKey) string {
	t := p.ctx.Theme
	name := widget.Fit(widget.Middle(k.name, 12, t.Icons.Ellipsis), min(12, k.w/3), "")
	text, plain := p.counts(k.pods, k.w-widget.Width(name)-5)
	share := fmt.Sprintf("%3d%% cpu ", k.share)
	if widget.Width(name)+widget.Width(plain)+len(share)+6 > k.w {
		share = ""
	}
	if k.highlighted {
		return " " + t.Selected.Render(widget.Spread(k.sign+" "+name+" "+plain, share, k.w-1, t.Icons.Ellipsis))
	}
	return " " + widget.Spread(t.Tone(k.tone).Render(k.sign)+" "+t.Text.Render(name)+" "+text, t.Tone(theme.Faint).Render(share), k.w-1, t.Icons.Ellipsis)
}

// counts writes how many pods are in which state, the ones that need a look first.
func (p *Tanks) counts(n [facts.Unknown + 1]int, room int) (styled, plain string) {
	order := []facts.State{
		facts.Failing, facts.Evicted, facts.NotReady, facts.Restarting, facts.Pending, facts.Pulling, facts.Creating,
		facts.Terminating, facts.Unknown, facts.Running, facts.Completed,
	}
	for _, s := range order {
		if n[s] == 0 {
			continue
		}
		sign, tone := PodSign(p.ctx, s)
		text := fmt.Sprintf("%s%d", sign, n[s])
		if widget.Width(plain)+widget.Width(text)+1 > room {
			return styled, plain
		}
		styled += p.ctx.Theme.Tone(tone).Render(text) + " "
		plain += text + " "
	}
	return styled, plain
}

// sums is the line above a crowd: the states of all pods that are shown, in words.
func (p *Tanks) sums() string {
	var sum [facts.Unknown + 1]int
	for _, states := range p.states {
		for s, n := range states {
			sum[s] += n
		}
	}
	var parts []string
	for s, n := range sum {
		if n > 0 {
			sign, tone := PodSign(p.ctx, facts.State(s))
			parts = append(parts, p.ctx.Theme.Tone(tone).Render(fmt.Sprintf("%s %d %s", sign, n, facts.State(s))))
		}
	}
	if len(parts) == 0 {
		return p.ctx.Theme.Tone(theme.Muted).Render("no pods")
	}
	return strings.Join(parts, "   ")
}
