package pane

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Services is the list of services, with how many endpoints each leads to.
type Services struct {
	list
	items []*facts.Service
}

var _ Pane = (*Services)(nil)

// NewServices makes the pane.
func NewServices(c *Context) *Services { return &Services{list: list{ctx: c}} }

// Name implements Pane.
func (p *Services) Name() layout.Name { return layout.Services }

// Title implements Pane.
func (p *Services) Title() (string, string) {
	return "Services", count(len(p.items), len(p.ctx.Snapshot.Services))
}

// Sync implements Pane.
func (p *Services) Sync() {
	items := emptied(p.items)
	for _, f := range p.ctx.Snapshot.Services {
		o := f.Object
		if p.ctx.Shows(o.Namespace, o.Name, string(o.Spec.Type), f.Address(), f.Ports) {
			items = append(items, f)
		}
	}
	p.items = items
	p.setRows(len(items), func(row int) watch.Ref {
		o := items[row].Object
		return watch.Ref{Kind: "Service", Namespace: o.Namespace, Name: o.Name}
	})
}

// View implements Pane.
func (p *Services) View(focused bool, tabs string) string {
	title, n := p.Title()
	box := frame(p.ctx, title, n, tabs, focused, p.scroll())
	if len(p.items) == 0 {
		return box.Draw(p.none(), p.w, p.h)
	}
	t := baseTable(p.ctx, focused)
	t.Columns = []widget.Column{
		{Title: "NAMESPACE", Min: 9, Drop: 5, Max: 14},
		{Title: "NAME", Min: 10, Flex: true, Middle: true},
		{Title: "TYPE", Drop: 3},
		{Title: "CLUSTER-IP", Min: 15, Drop: 2, Max: 24},
		{Title: "PORT(S)", Min: 12, Drop: 4, Max: 26},
		{Title: "ENDPOINTS"},
	}
	// Most have no load balancer: without one, there is no column for it.
	balanced := slices.ContainsFunc(p.items, func(f *facts.Service) bool { return f.Host() != "" })
	if balanced {
		t.Columns = append(t.Columns, widget.Column{Title: "THIS MACHINE", Min: 12, Drop: 4, Max: 40})
	}
	from, to := p.window()
	for _, f := range p.items[from:to] {
		row := p.row(f)
		if balanced {
			row = append(row, widget.Cell{Text: dash(here(f)), Style: p.ctx.Theme.Tone(theme.Muted)})
		}
		if p.ctx.Namespace != "" {
			row = row[1:]
		}
		t.Rows = append(t.Rows, row)
	}
	t.Columns = p.ctx.unlessChosen(t.Columns)
	t.Cursor = p.cur.Cursor - from
	return box.Draw(t.Draw(p.w-2, p.h-2), p.w, p.h)
}

// here is where on this machine a service is: the heading says which machine, so that of its
// own address the port is enough.
func here(f *facts.Service) string { return strings.ReplaceAll(f.Host(), "127.0.0.1:", ":") }

func (p *Services) none() string {
	if len(p.ctx.Snapshot.Services) > 0 {
		return empty(p.ctx, p.w-2, p.h-2, "No service fits the filter.", "esc clears it")
	}
	if note := p.ctx.orRefused("Service", ""); note != "" {
		return empty(p.ctx, p.w-2, p.h-2, note)
	}
	return empty(p.ctx, p.w-2, p.h-2, "No services yet.", "Try :  kubectl expose", "deployment web --port=80")
}

func (p *Services) row(f *facts.Service) []widget.Cell {
	t := p.ctx.Theme
	muted := t.Tone(theme.Muted)
	sign, tone := PodSign(p.ctx, facts.Running)
	ends := fmt.Sprintf("%s %d", sign, f.Ready)
	switch {
	case f.Object.Spec.Type == corev1.ServiceTypeExternalName:
		ends, tone = "-", theme.Muted
	case f.Ready == 0:
		sign, tone = PodSign(p.ctx, facts.Failing)
		ends = sign + " none"
	case f.Ready < f.Total:
		sign, tone = PodSign(p.ctx, facts.NotReady)
		ends = fmt.Sprintf("%s %d of %d", sign, f.Ready, f.Total)
	}
	name, named := p.ctx.pointed("Service", f.Object.Namespace, f.Object.Name, t.Text)
	return []widget.Cell{
		{Text: f.Object.Namespace, Style: muted},
		{Text: name, Style: named},
		{Text: string(f.Object.Spec.Type), Style: muted},
		{Text: f.Address(), Style: muted},
		{Text: dash(f.Ports), Style: muted},
		{Text: ends, Style: t.Tone(tone)},
	}
}

// Chosen is the service under the cursor.
func (p *Services) Chosen() watch.Ref {
	ref, _ := p.ref()
	return ref
}

// Bindings implements Pane.
func (p *Services) Bindings() keys.Set {
	return append(objectKeys(p.ctx, p.ref), p.moves()...)
}

// Click implements Pane.
func (p *Services) Click(_, y int) tea.Cmd {
	return p.click(y, func() tea.Cmd { return send(OpenMsg{Ref: p.selected, Tab: Summary}) })
}
