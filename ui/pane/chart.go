package pane

import (
	"strings"

	"charm.land/lipgloss/v2"

	"kubarium/ui/layout"
	"kubarium/ui/widget"
)

// Heights at which the map gains something.
const (
	tankLeast    = 6  // frame, water line, a line of pods, two bars
	chartRoomy   = 18 // a legend
	crowdOverrun = 2  // more rows of tanks than this many screens are drawn as lines
)

// grid is how the tanks are arranged below what stands above them.
type grid struct {
	// queue and way are the lines of the pods that wait and of the services;
	// top is the first line of the tanks, h how many they have.
	queue, way, top, h int
	// foot is the lines of the legend.
	foot int
	// cols and rows are the arrangement, first is the first row in view, height that of
	// one tank.
	cols, rows, first, height int
	// crowd says that there are too many nodes for tanks: each has a line.
	crowd bool
}

func (p *Tanks) grid() grid {
	g := grid{}
	if len(p.waiting) > 0 {
		g.queue = 1
	}
	if p.h >= chartRoomy {
		g.foot = 2
	}
	g.way = p.linkLines(p.h - g.queue - g.foot)
	g.top = g.queue + g.way
	g.h = max(1, p.h-g.top-g.foot)
	n := len(p.nodes)
	g.cols = max(1, min(n, p.w/layout.TankMinWidth))
	g.rows = (n + g.cols - 1) / g.cols
	visible := max(1, min(g.rows, g.h/tankLeast))
	g.height = g.h / visible
	if g.rows > crowdOverrun*visible && g.rows > 3 {
		g.crowd, g.height = true, 1
		g.cols = max(1, min(n, (p.w-2)/crowdWidth))
		g.rows = (n + g.cols - 1) / g.cols
		visible = max(1, g.h-crowdAround)
	}
	row := p.cursor / g.cols
	g.first = max(0, min(row-visible/2, g.rows-visible))
	return g
}

// crowded reports whether nodes are drawn as lines.
func (p *Tanks) crowded() bool { return p.grid().crowd }

// cell is the rectangle of tank i, or an empty one if it is not in view.
func (p *Tanks) cell(i int) layout.Rect {
	g := p.grid()
	row, col := i/g.cols-g.first, i%g.cols
	if g.crowd {
		return g.crowdCell(row, col, p.w)
	}
	if row < 0 || (row+1)*g.height > g.h {
		return layout.Rect{}
	}
	x := col * p.w / g.cols
	r := layout.Rect{X: x, Y: g.top + row*g.height, W: (col+1)*p.w/g.cols - x, H: g.height}
	if (row+2)*g.height > g.h { // the last row takes what the division left over
		r.H = g.top + g.h - r.Y
	}
	return r
}

// View implements Pane. Tabs, if there are any, take a line of their own, above
// the room that SetSize was told.
func (p *Tanks) View(focused bool, tabs string) string {
	switch {
	case tabs != "":
		edge := frame(p.ctx, "", "", tabs, focused, nil)
		edge.Border = lipgloss.Border{Top: edge.Border.Top, TopLeft: edge.Border.Top, TopRight: edge.Border.Top}
		line, _, _ := strings.Cut(edge.Draw("", p.w, 2), "\n")
		if len(p.nodes) == 0 {
			return line + "\n" + empty(p.ctx, p.w, p.h, p.ctx.orRefused("Node", "No nodes yet."))
		}
		return line + "\n" + p.chart(focused)
	case len(p.nodes) == 0:
		title, n := p.Title()
		return frame(p.ctx, title, n, "", focused, nil).Draw(empty(p.ctx, p.w-2, p.h-2, p.ctx.orRefused("Node", "No nodes yet.")), p.w, p.h)
	}
	return p.chart(focused)
}

// chart draws the map in exactly its room.
func (p *Tanks) chart(focused bool) string {
	g := p.grid()
	p.marked = p.services[:p.lettered(g)]
	var lines []string
	if g.queue > 0 {
		lines = append(lines, p.queue(focused))
	}
	if g.way > 0 {
		lines = append(lines, p.ways(g))
	}
	if g.crowd {
		lines = append(lines, p.crowd(g, focused))
	} else {
		lines = append(lines, p.tanks(g, focused))
	}
	if g.foot > 0 {
		lines = append(lines, p.about(), p.legend())
	}
	return widget.Stack(p.w, p.h, lines...)
}

func (p *Tanks) tanks(g grid, focused bool) string {
	var lines []string
	for row := g.first; row < g.rows; row++ {
		var blocks []string
		for i := row * g.cols; i < min((row+1)*g.cols, len(p.nodes)); i++ {
			if r := p.cell(i); !r.Empty() {
				blocks = append(blocks, p.tank(i, r, focused && !p.outside))
			}
		}
		if len(blocks) > 0 {
			lines = append(lines, widget.Beside(blocks...))
		}
	}
	return widget.Stack(p.w, g.h, lines...)
}
