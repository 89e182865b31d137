package pane

import (
	"fmt"
	"sort"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/watch"
)

// Tanks is the map: each node is a tank with its pods in the water, and pods without
// a node wait outside.
type Tanks struct {
	ctx   *Context
	w, h  int
	nodes []*facts.Node
	// pods are those of each node that are shown, states how many of them are in which
	// state, and order what they were chosen by.
	pods   [][]*facts.Pod
	states [][facts.Unknown + 1]int
	order  order
	// waiting are the pods without a node. While outside is set, the cursor is on one
	// of them.
	waiting []*facts.Pod
	outside bool
	cursor  int
	// pod is the selected pod in the selected tank, or of those that wait; -1 is the
	// node itself.
	pod int
	// node and podRef keep the cursor on its objects when others come and go.
	node   string
	podRef watch.Ref
	// grouped puts the pods of one owner together.
	grouped bool
	// service is the one chosen here; all says that all are, which are services then, in the
	// order of their lines. marked are those that had room for one in the last View.
	service  watch.Ref
	all      bool
	services []*facts.Service
	marked   []*facts.Service
	// lines are those of a crowd, as they were drawn.
	lines map[crowdKey]string
}

var _ Pane = (*Tanks)(nil)

// NewTanks makes the pane.
func NewTanks(c *Context) *Tanks { return &Tanks{ctx: c, pod: -1} }

// Name implements Pane.
func (p *Tanks) Name() layout.Name { return layout.Tanks }

// Title implements Pane.
func (p *Tanks) Title() (string, string) { return "Nodes", fmt.Sprint(len(p.nodes)) }

// order is what decides, with a node, which of its pods are drawn and in which order.
type order struct {
	namespace, text string
	grouped         bool
}

// Sync implements Pane. Of hundreds of nodes, a snapshot has a few new ones: the others have
// the pods that they had.
func (p *Tanks) Sync() {
	last, nodes := p.nodes, p.ctx.Snapshot.Nodes
	if now := (order{p.ctx.Namespace, p.ctx.Text, p.grouped}); now != p.order || len(nodes) != len(last) {
		last, p.order = nil, now
		p.pods, p.states = make([][]*facts.Pod, len(nodes)), make([][facts.Unknown + 1]int, len(nodes))
	}
	for i, n := range nodes {
		if n.Object.Name == p.node {
			p.cursor = i
		}
		if last == nil || last[i] != n {
			p.pods[i] = p.swimmers(n)
			p.states[i] = states(p.pods[i])
		}
	}
	p.nodes = nodes
	p.waiting = p.waiting[:0:0]
	for _, f := range p.ctx.Snapshot.Waiting {
		if p.shows(f) {
			p.waiting = append(p.waiting, f)
		}
	}
	p.syncServices()
	p.cursor = max(0, min(p.cursor, len(p.nodes)-1))
	p.outside = p.outside && len(p.waiting) > 0
	list := p.here()
	for i, f := range list {
		if p.pod >= 0 && podRef(f) == p.podRef {
			p.pod = i
		}
	}
	p.pod = min(p.pod, len(list)-1)
	if p.crowded() {
		p.pod, p.outside = -1, false
	}
	p.remember()
}

// here are the pods among which the cursor moves.
func (p *Tanks) here() []*facts.Pod {
	switch {
	case p.outside:
		return p.waiting
	case len(p.nodes) == 0:
		return nil
	}
	return p.pods[p.cursor]
}

func (p *Tanks) shows(f *facts.Pod) bool {
	o := f.Object
	return p.ctx.Shows(o.Namespace, o.Name, f.Word, o.Spec.NodeName, o.Status.PodIP)
}

// swimmers are the pods to draw: the learner's first, then the system's.
func (p *Tanks) swimmers(n *facts.Node) []*facts.Pod {
	own := make([]*facts.Pod, 0, len(n.Pods))
	var system []*facts.Pod
	for _, f := range n.Pods {
		switch {
		case !p.shows(f):
		case f.Object.Namespace == "kube-system":
			system = append(system, f)
		default:
			own = append(own, f)
		}
	}
	if p.grouped {
		byOwner(own)
		byOwner(system)
	}
	return append(own, system...)
}

func byOwner(pods []*facts.Pod) {
	sort.SliceStable(pods, func(i, j int) bool {
		a, b := pods[i], pods[j]
		if a.Object.Namespace != b.Object.Namespace {
			return a.Object.Namespace < b.Object.Namespace
		}
		return a.Owner < b.Owner
	})
}

func (p *Tanks) remember() {
	if len(p.nodes) > 0 {
		p.node = p.nodes[p.cursor].Object.Name
	}
	if list := p.here(); p.pod >= 0 && p.pod < len(list) {
		p.podRef = podRef(list[p.pod])
	}
}

// SetSize implements Pane.
func (p *Tanks) SetSize(w, h int) { p.w, p.h = w, h }

// Selected is the pod under the cursor, or the node.
func (p *Tanks) Selected() (watch.Ref, bool) {
	if list := p.here(); p.pod >= 0 && p.pod < len(list) {
		return podRef(list[p.pod]), true
	}
	if len(p.nodes) == 0 {
		return watch.Ref{}, false
	}
	return watch.Ref{Kind: "Node", Name: p.nodes[p.cursor].Object.Name}, true
}

// across moves from tank to tank, and among the pods that wait.
func (p *Tanks) across(by int) tea.Cmd {
	if p.outside {
		p.pod = max(0, min(p.pod+by, len(p.waiting)-1))
		p.remember()
		return nil
	}
	next := p.cursor + by
	if next < 0 || next >= len(p.nodes) {
		return send(LeaveMsg{DX: by})
	}
	p.cursor = next
	p.pod = min(p.pod, len(p.pods[next])-1)
	p.remember()
	return nil
}

// along moves from the node to its pods, up to the pods that wait, and out of the
// tank at its ends.
func (p *Tanks) along(by int) tea.Cmd {
	g := p.grid()
	switch next := p.pod + by; {
	case p.outside && by > 0 && len(p.nodes) > 0:
		p.outside, p.pod = false, -1
	case p.outside:
		return send(LeaveMsg{DY: by})
	case g.crowd:
		return p.rows(by * g.cols)
	case next == -2 && len(p.waiting) > 0:
		p.outside, p.pod = true, 0
	case next < -1 || next >= len(p.here()):
		return send(LeaveMsg{DY: by})
	default:
		p.pod = next
	}
	p.remember()
	return nil
}

// rows moves over nodes that are drawn as lines.
func (p *Tanks) rows(by int) tea.Cmd {
	if next := p.cursor + by; next >= 0 && next < len(p.nodes) {
		p.cursor = next
		p.remember()
		return nil
	}
	return send(LeaveMsg{DY: by})
}

// Bindings implements Pane.
func (p *Tanks) Bindings() keys.Set {
	notNode := func() string {
		if p.ctx.Components == nil {
			return "the nodes of this cluster are not ours to stop"
		}
		if len(p.nodes) == 0 || p.outside {
			return "no node is selected"
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
	set := append(keys.Set{logsKey(p.ctx, p.Selected)}, objectKeys(p.ctx, p.Selected)...)
	return append(set, keys.Set{
		{Keys: []string{"s"}, Action: "power", Desc: string(toggle) + " node", Long: "shut the node down in order, or start it again", Bar: true, Disabled: notNode, Run: power(toggle)},
		{Keys: []string{"K"}, Desc: "power cut", Long: "take the node's power away: all on it is gone at once", Disabled: notNode, Run: power(Kill)},
		{Keys: []string{"o"}, Desc: "owners", Long: "put the pods of one owner together, or not", Bar: p.h >= chartRoomy, Run: p.group},
		{Keys: []string{"v"}, Desc: "service", Long: "draw lines from all services to their pods, then from one after the other, then none", Bar: p.h >= chartRoomy, Disabled: p.noServices, Run: func() tea.Cmd { p.nextService(1); return send(ServiceMsg{}) }},
		{Keys: []string{"V"}, Desc: "service before", Disabled: p.noServices, Run: func() tea.Cmd { p.nextService(-1); return send(ServiceMsg{}) }},
		{Keys: []string{"right"}, Label: "→", Desc: "next tank", Run: func() tea.Cmd { return p.across(1) }},
		{Keys: []string{"left", "h"}, Label: "←/h", Desc: "previous tank", Run: func() tea.Cmd { return p.across(-1) }},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "next pod in the tank", Run: func() tea.Cmd { return p.along(1) }},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "previous pod in the tank", Run: func() tea.Cmd { return p.along(-1) }},
	}...)
}

func (p *Tanks) group() tea.Cmd {
	p.grouped = !p.grouped
	p.Sync()
	return nil
}

// Click implements Pane.
func (p *Tanks) Click(x, y int) tea.Cmd {
	if i := p.queueAt(x, y); i >= 0 {
		return p.pick(true, p.cursor, i)
	}
	for i := range p.nodes {
		r := p.cell(i)
		if !r.Contains(x, y) {
			continue
		}
		pod := -1
		if !p.grid().crowd {
			pod = p.shoal(i, r).at(x-r.X-1, y-r.Y-1)
		}
		return p.pick(false, i, pod)
	}
	return nil
}

// pick moves the cursor, or opens what it is on already.
func (p *Tanks) pick(outside bool, node, pod int) tea.Cmd {
	if outside == p.outside && node == p.cursor && pod == p.pod {
		ref, _ := p.Selected()
		return send(OpenMsg{Ref: ref, Tab: Summary})
	}
	p.outside, p.cursor, p.pod = outside, node, pod
	p.remember()
	return nil
}

// Wheel implements Pane.
func (p *Tanks) Wheel(by int) {
	if g := p.grid(); g.crowd {
		p.rows(by / max(1, max(by, -by)) * g.cols)
		return
	}
	if list := p.here(); len(list) > 0 {
		p.pod = max(-1, min(p.pod+by, len(list)-1))
		if p.outside {
			p.pod = max(0, p.pod)
		}
		p.remember()
	}
}
