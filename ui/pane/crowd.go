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

func (p *Tanks) crowdLine(i, w int, here bool) string {
	t, n := p.ctx.Theme, p.nodes[i]
	sign, tone, _ := p.state(n)
	name := widget.Middle(n.Object.Name, 12, t.Icons.Ellipsis)
	name = widget.Fit(name, min(12, w/3), "")
	text, plain := p.counts(p.pods[i], w-ansi.StringWidth(name)-5)
	share := fmt.Sprintf("%3.0f%% cpu ", 100*n.CPU.Share())
	if ansi.StringWidth(name)+ansi.StringWidth(plain)+len(share)+6 > w {
		share = ""
	}
	if here {
		return " " + t.Selected.Render(widget.Spread(sign+" "+name+" "+plain, share, w-1, t.Icons.Ellipsis))
	}
	return " " + widget.Spread(t.Tone(tone).Render(sign)+" "+t.Text.Render(name)+" "+text, t.Tone(theme.Faint).Render(share), w-1, t.Icons.Ellipsis)
}

// counts writes how many pods are in which state, the ones that need a look first.
func (p *Tanks) counts(pods []*facts.Pod, room int) (styled, plain string) {
	n := states(pods)
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
		if ansi.StringWidth(plain)+ansi.StringWidth(text)+1 > room {
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
	for _, pods := range p.pods {
		for s, n := range states(pods) {
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
