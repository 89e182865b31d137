package pane

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Tanks shows each node as a tank with its pods in the water.
type Tanks struct {
	ctx    *Context
	w, h   int
	nodes  []*facts.Node
	pods   [][]*facts.Pod
	cursor int
	// pod is the selected pod in the selected tank; -1 is the node itself.
	pod int
	// node and podRef keep the cursor on its objects when others come and go.
	node   string
	podRef watch.Ref
}

var _ Pane = (*Tanks)(nil)

// NewTanks makes the pane.
func NewTanks(c *Context) *Tanks { return &Tanks{ctx: c, pod: -1} }

// Name implements Pane.
func (p *Tanks) Name() layout.Name { return layout.Tanks }

// Title implements Pane.
func (p *Tanks) Title() (string, string) { return "Nodes", fmt.Sprint(len(p.nodes)) }

// Sync implements Pane.
func (p *Tanks) Sync() {
	p.nodes = p.ctx.Snapshot.Nodes
	p.pods = make([][]*facts.Pod, len(p.nodes))
	for i, n := range p.nodes {
		if n.Object.Name == p.node {
			p.cursor = i
		}
		p.pods[i] = p.swimmers(n)
	}
	p.cursor = max(0, min(p.cursor, len(p.nodes)-1))
	if len(p.nodes) == 0 {
		p.pod = -1
		return
	}
	for i, f := range p.pods[p.cursor] {
		if p.pod >= 0 && podRef(f) == p.podRef {
			p.pod = i
		}
	}
	p.pod = min(p.pod, len(p.pods[p.cursor])-1)
	p.remember()
}

// swimmers are the pods to draw: the learner's first, then the system's.
func (p *Tanks) swimmers(n *facts.Node) []*facts.Pod {
	var own, system []*facts.Pod
	for _, f := range n.Pods {
		o := f.Object
		switch {
		case !p.ctx.Shows(o.Namespace, o.Name, f.Word, n.Object.Name, o.Status.PodIP):
		case o.Namespace == "kube-system":
			system = append(system, f)
		default:
			own = append(own, f)
		}
	}
	return append(own, system...)
}

func (p *Tanks) remember() {
	p.node = p.nodes[p.cursor].Object.Name
	if p.pod >= 0 {
		p.podRef = podRef(p.pods[p.cursor][p.pod])
	}
}

// SetSize implements Pane.
func (p *Tanks) SetSize(w, h int) { p.w, p.h = w, h }

// grid is how the tanks are arranged: columns, rows, and the first row in view.
func (p *Tanks) grid() (cols, rows, first, height int) {
	n := len(p.nodes)
	cols = max(1, min(n, p.w/layout.TankMinWidth))
	rows = (n + cols - 1) / cols
	const least = 6
	visible := max(1, min(rows, p.h/least))
	height = p.h / visible
	row := p.cursor / cols
	first = max(0, min(row-visible/2, rows-visible))
	return cols, rows, first, height
}

// cell is the rectangle of tank i, or an empty one if it is not in view.
func (p *Tanks) cell(i int) layout.Rect {
	cols, _, first, height := p.grid()
	row, col := i/cols-first, i%cols
	if row < 0 || (row+1)*height > p.h {
		return layout.Rect{}
	}
	x := col * p.w / cols
	r := layout.Rect{X: x, Y: row * height, W: (col+1)*p.w/cols - x, H: height}
	if (row+2)*height > p.h { // the last row takes what the division left over
		r.H = p.h - r.Y
	}
	return r
}

// selected is the pod under the cursor, or the node.
func (p *Tanks) selected() (watch.Ref, bool) {
	if len(p.nodes) == 0 {
		return watch.Ref{}, false
	}
	if p.pod >= 0 {
		return podRef(p.pods[p.cursor][p.pod]), true
	}
	return watch.Ref{Kind: "Node", Name: p.nodes[p.cursor].Object.Name}, true
}

// across moves from tank to tank.
func (p *Tanks) across(by int) tea.Cmd {
	next := p.cursor + by
	if next < 0 || next >= len(p.nodes) {
		return send(LeaveMsg{DX: by})
	}
	p.cursor = next
	p.pod = min(p.pod, len(p.pods[next])-1)
	p.remember()
	return nil
}

// along moves from the node to its pods, and out of the tank at its ends.
func (p *Tanks) along(by int) tea.Cmd {
	if len(p.nodes) == 0 {
		return send(LeaveMsg{DY: by})
	}
	next := p.pod + by
	if next < -1 || next >= len(p.pods[p.cursor]) {
		return send(LeaveMsg{DY: by})
	}
	p.pod = next
	p.remember()
	return nil
}

// Bindings implements Pane.
func (p *Tanks) Bindings() keys.Set {
	notNode := func() string {
		if p.ctx.Components == nil {
			return "the nodes of this cluster are not ours to stop"
		}
		if len(p.nodes) == 0 {
			return "there are no nodes"
		}
		return ""
	}
	power := func(v Verb) func() tea.Cmd {
		return func() tea.Cmd { return send(PowerMsg{Verb: v, Name: p.nodes[p.cursor].Object.Name, Node: true}) }
	}
	toggle := Stop
	if len(p.nodes) > 0 && p.off(p.nodes[p.cursor]) {
		toggle = Start
	}
	set := append(keys.Set{logsKey(p.selected)}, objectKeys(p.selected)...)
	return append(set, keys.Set{
		{Keys: []string{"s"}, Desc: string(toggle) + " node", Long: "shut the node down in order, or start it again", Bar: true, Disabled: notNode, Run: power(toggle)},
		{Keys: []string{"K"}, Desc: "power cut", Long: "take the node's power away: all on it is gone at once", Disabled: notNode, Run: power(Kill)},
		{Keys: []string{"right"}, Label: "→", Desc: "next tank", Run: func() tea.Cmd { return p.across(1) }},
		{Keys: []string{"left", "h"}, Label: "←/h", Desc: "previous tank", Run: func() tea.Cmd { return p.across(-1) }},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "next pod in the tank", Run: func() tea.Cmd { return p.along(1) }},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "previous pod in the tank", Run: func() tea.Cmd { return p.along(-1) }},
	}...)
}

// Click implements Pane.
func (p *Tanks) Click(x, y int) tea.Cmd {
	for i := range p.nodes {
		r := p.cell(i)
		if !r.Contains(x, y) {
			continue
		}
		pod := p.shoal(i, r).at(x-r.X-1, y-r.Y-2)
		if i == p.cursor && pod == p.pod {
			ref, _ := p.selected()
			return send(OpenMsg{Ref: ref, Tab: Describe})
		}
		p.cursor, p.pod = i, pod
		p.remember()
	}
	return nil
}

// Wheel implements Pane.
func (p *Tanks) Wheel(by int) {
	if len(p.nodes) > 0 {
		p.pod = max(-1, min(p.pod+by, len(p.pods[p.cursor])-1))
		p.remember()
	}
}

// View implements Pane. Tabs, if there are any, take a line of their own, above
// the room that SetSize was told.
func (p *Tanks) View(focused bool, tabs string) string {
	w, h := p.w, p.h
	if tabs != "" {
		return p.tabbed(focused, tabs)
	}
	if len(p.nodes) == 0 {
		title, n := p.Title()
		return frame(p.ctx, title, n, "", focused, nil).Draw(empty(p.ctx, w-2, h-2, "No nodes yet."), w, h)
	}
	return p.tanks(focused)
}

// tabbed draws the tabs where other panes have their frame, and tanks below.
func (p *Tanks) tabbed(focused bool, tabs string) string {
	edge := frame(p.ctx, "", "", tabs, focused, nil)
	edge.Border = lipgloss.Border{Top: edge.Border.Top, TopLeft: edge.Border.Top, TopRight: edge.Border.Top}
	line, _, _ := strings.Cut(edge.Draw("", p.w, 2), "\n")
	if len(p.nodes) == 0 {
		return line + "\n" + empty(p.ctx, p.w, p.h, "No nodes yet.")
	}
	return line + "\n" + p.tanks(focused)
}

func (p *Tanks) tanks(focused bool) string {
	cols, rows, first, _ := p.grid()
	var lines []string
	for row := first; row < rows; row++ {
		var blocks []string
		for i := row * cols; i < min((row+1)*cols, len(p.nodes)); i++ {
			if r := p.cell(i); !r.Empty() {
				blocks = append(blocks, p.tank(i, r, focused))
			}
		}
		if len(blocks) > 0 {
			lines = append(lines, widget.Beside(blocks...))
		}
	}
	return widget.Stack(p.w, p.h, lines...)
}
