package pane

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Components is the strip of the control plane's components.
type Components struct {
	ctx    *Context
	w, h   int
	cursor int
	items  []component.Info
	// focused is how the strip was drawn last: where a click goes depends on it.
	focused bool
	// rated says that the strip tells how many requests there are.
	rated bool
}

var _ Pane = (*Components)(nil)

// NewComponents makes the pane.
func NewComponents(c *Context) *Components { return &Components{ctx: c} }

// Name implements Pane.
func (p *Components) Name() layout.Name { return layout.Components }

// Title implements Pane.
func (p *Components) Title() (string, string) {
	ready := 0
	for _, i := range p.items {
		if i.State == component.Ready {
			ready++
		}
	}
	if p.ctx.Components == nil {
		return "Control plane", "run elsewhere"
	}
	return "Control plane", fmt.Sprintf("%d of %d ready", ready, len(p.items))
}

// Sync implements Pane.
func (p *Components) Sync() {
	p.items = p.items[:0:0]
	for _, i := range p.ctx.Components {
		if !IsNode(p.ctx, i.Name) {
			p.items = append(p.items, i)
		}
	}
	p.cursor = max(0, min(p.cursor, len(p.items)-1))
}

// IsNode tells a node's machine from a component of the control plane.
func IsNode(c *Context, name string) bool {
	if strings.HasPrefix(name, "node-") {
		return true
	}
	for _, n := range c.Snapshot.Nodes {
		if n.Object.Name == name {
			return true
		}
	}
	return false
}

// SetSize implements Pane.
func (p *Components) SetSize(w, h int) { p.w, p.h = w, h }

// View implements Pane.
func (p *Components) View(focused bool, tabs string) string {
	p.focused = focused
	if p.h < 3 && len(p.items) == 0 {
		title, n := p.Title()
		return widget.Fit(p.ctx.Theme.Tone(theme.Muted).Render(" "+title+": "+n), p.w, p.ctx.Theme.Icons.Ellipsis)
	}
	if p.h < 3 {
		return widget.Fit(" "+p.line(p.w-1, focused), p.w, p.ctx.Theme.Icons.Ellipsis)
	}
	title, n := p.Title()
	box := frame(p.ctx, title, n, tabs, focused, nil)
	box.Foot = p.flows()
	return box.Draw(" "+p.line(p.w-3, focused), p.w, p.h)
}

// Forms of the names, the longest first; in the last one the component is only counted.
const (
	whole = iota
	withoutKube
	abbreviated
	counted
)

// part is a piece of the strip, and the component that a click on it selects; more says that
// others are counted there.
type part struct {
	text string
	item int
	more bool
}

// line is the strip itself, with names as long as there is room for.
func (p *Components) line(w int, focused bool) string {
	parts, room := p.parts(w, focused)
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.text
	}
	return strings.Join(texts, strings.Repeat(" ", room))
}

// parts are the components as they are shown, and the room between them.
func (p *Components) parts(w int, focused bool) (parts []part, room int) {
	forms := make([]int, len(p.items))
	// Where there is no frame, in whose edge rates are told, one is worth more than whole names.
	for _, p.rated = range []bool{p.h < 3, false} {
		for form := whole; form <= abbreviated; form++ {
			for i := range forms {
				forms[i] = form
			}
			if parts, sum := p.draw(forms, focused); sum <= w {
				if len(parts) > 1 {
					return parts, min(5, 2+(w-sum)/(len(parts)-1))
				}
				return parts, 2
			}
		}
	}
	// Closer together; then those that are well are only counted.
	parts, sum := p.draw(forms, focused)
	for _, i := range p.leastFirst() {
		if sum-len(parts)+1 <= w {
			break
		}
		if p.dispensable(i) && !(focused && i == p.cursor) {
			forms[i] = counted
			parts, sum = p.draw(forms, focused)
		}
	}
	return parts, 1
}

// leastFirst are the components in the order in which their names are missed least: what the
// control plane is made of is missed most.
func (p *Components) leastFirst() []int {
	var others, plane []int
	for i := len(p.items) - 1; i >= 0; i-- {
		if name := p.items[i].Name; name == "etcd" || strings.HasPrefix(name, "kube-") {
			plane = append(plane, i)
		} else {
			others = append(others, i)
		}
	}
	return append(others, plane...)
}

// dispensable says that nothing is to be told of a component but that it is well.
func (p *Components) dispensable(i int) bool {
	info := p.items[i]
	return info.State == component.Ready && p.waiting(info.Name) == "" && p.ctx.Marks[info.Name] == "" &&
		!p.ctx.Points[watch.Ref{Kind: "component", Name: info.Name}]
}

// draw returns the components in their forms, and how wide they are two cells apart.
func (p *Components) draw(forms []int, focused bool) (parts []part, sum int) {
	add := func(p part) {
		sum += widget.Width(p.text) + 2
		parts = append(parts, p)
	}
	more, first := 0, 0
	for i := range p.items {
		if forms[i] != counted {
			add(part{text: p.item(i, forms[i], focused), item: i})
			continue
		}
		if more++; more == 1 {
			first = i
		}
	}
	if more > 0 {
		sign, tone := ComponentSign(p.ctx, component.Ready)
		t := p.ctx.Theme
		add(part{text: t.Tone(tone).Render(sign) + t.Tone(theme.Muted).Render(fmt.Sprintf(" %d more", more)), item: first, more: true})
	}
	return parts, sum - 2
}

func (p *Components) item(i, form int, focused bool) string {
	info := p.items[i]
	sign, tone := ComponentSign(p.ctx, info.State)
	t := p.ctx.Theme
	name := info.Name
	if form >= withoutKube {
		name = strings.TrimPrefix(name, "kube-")
	}
	if form >= abbreviated {
		name = strings.ReplaceAll(name, "controller-manager", "controllers")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-server"), "-provisioner")
	}
	word := ""
	if info.State != component.Ready {
		word = " " + string(info.State)
	}
	if rate := p.rate(info); p.rated && info.Name == "kube-apiserver" && rate != "" {
		word = " " + rate
	}
	if mark := p.ctx.Marks[info.Name]; mark != "" {
		word += " " + p.ctx.Theme.Icons.Warning + " " + mark
		if info.State == component.Ready {
			tone = theme.Warn
		}
	}
	text := sign + " " + name + word
	if waiting := p.waiting(info.Name); waiting != "" {
		text += " " + waiting
	}
	if i == p.cursor && focused {
		return t.Selected.Render(text)
	}
	_, style := p.ctx.pointed("component", "", info.Name, t.Text)
	if p.ctx.Points[watch.Ref{Kind: "component", Name: info.Name}] {
		style = style.Reverse()
	}
	return t.Tone(tone).Render(sign) + " " + style.Render(name) + t.Tone(tone).Render(word) +
		t.Tone(theme.Busy).Render(strings.TrimPrefix(text, sign+" "+name+word))
}

// flows is what happens in the components just now, in words: as many as there is room
// for.
func (p *Components) flows() string {
	t, room := p.ctx.Theme, p.w-8
	line := ""
	for _, f := range []struct{ component, before, after string }{
		{"kube-apiserver", "API server", "requests"},
		{"etcd", "etcd", "writes"},
		{"kube-controller-manager", "controllers", "requests"},
		{"kube-scheduler", "scheduler", "attempts"},
	} {
		i, ok := p.ctx.Component(f.component)
		n, known := strings.CutSuffix(p.rate(i), "/s")
		if need := len(f.before) + len(n) + len(f.after) + 7; ok && known && need <= room {
			line += "   " + t.Tone(theme.Muted).Render(f.before) + " " + t.Bold.Render(n) + t.Tone(theme.Muted).Render(" "+f.after+"/s")
			room -= need
		}
	}
	return strings.TrimPrefix(line, "   ")
}

// rate is how often something happens in a component: requests to the API server and of
// the controllers, writes to etcd, attempts to find a node.
func (p *Components) rate(i component.Info) string {
	n, known := p.ctx.Rates[i.Name]
	switch {
	case !known || i.State != component.Ready:
		return ""
	case n > 0 && n < 1:
		return fmt.Sprintf("%.1f/s", n)
	}
	return fmt.Sprintf("%.0f/s", n)
}

// waiting shows the pods that wait for the scheduler, where they wait.
func (p *Components) waiting(name string) string {
	if name != "kube-scheduler" {
		return ""
	}
	n := len(p.ctx.Snapshot.Waiting)
	if n == 0 {
		return ""
	}
	sign, _ := PodSign(p.ctx, facts.Pending)
	return fmt.Sprintf("%s %d waiting", sign, n)
}

// Selected is the selected component.
func (p *Components) Selected() (component.Info, bool) {
	if len(p.items) == 0 {
		return component.Info{}, false
	}
	return p.items[p.cursor], true
}

func (p *Components) move(by int) tea.Cmd {
	next := p.cursor + by
	if next < 0 || next >= len(p.items) {
		return nil
	}
	p.cursor = next
	return nil
}

func (p *Components) log() tea.Cmd {
	i, _ := p.Selected()
	return send(OpenLogMsg{Component: i.Name})
}

// Bindings implements Pane.
func (p *Components) Bindings() keys.Set {
	none := func() string {
		if len(p.items) == 0 {
			return "there are no components"
		}
		return ""
	}
	verb := func() Verb {
		if i, ok := p.Selected(); ok && (i.State == component.Stopped || i.State == component.Failed) {
			return Start
		}
		return Stop
	}
	return keys.Set{
		{Keys: []string{"enter", "l"}, Label: "enter", Desc: "log", Long: "show what the component is for, and follow its log", Bar: true, Disabled: none, Run: p.log},
		{
			Keys: []string{"s"}, Action: "power", Desc: string(verb()), Long: "stop the component, or start it again", Bar: true, Disabled: none,
			Run: func() tea.Cmd {
				i, _ := p.Selected()
				return send(PowerMsg{Verb: verb(), Name: i.Name})
			},
		},
		{Keys: []string{"right"}, Label: "→", Desc: "next component", Run: func() tea.Cmd { return p.move(1) }},
		{Keys: []string{"left", "h"}, Label: "←/h", Desc: "previous component", Run: func() tea.Cmd { return p.move(-1) }},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "pane below", Run: func() tea.Cmd { return send(LeaveMsg{DY: 1}) }},
	}
}

// Click implements Pane.
func (p *Components) Click(x, _ int) tea.Cmd {
	at, width := 1, p.w-1
	if p.h >= 3 {
		at, width = 2, p.w-3
	}
	parts, room := p.parts(width, p.focused)
	for _, part := range parts {
		end := at + widget.Width(part.text)
		if x >= at && x < end {
			if part.item == p.cursor && !part.more {
				return p.log()
			}
			p.cursor = part.item
			return nil
		}
		at = end + room
	}
	return nil
}

// Wheel implements Pane.
func (p *Components) Wheel(by int) { p.move(by) }
