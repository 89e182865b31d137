package pane

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// useAt is the column of what pods use, if that is known: before their age.
const useAt = 5

// Pods is the list of pods.
type Pods struct {
	list
	items []*facts.Pod
	// kept has the memory of items that are not all there are.
	kept []*facts.Pod
}

var _ Pane = (*Pods)(nil)

// NewPods makes the pane.
func NewPods(c *Context) *Pods { return &Pods{list: list{ctx: c}} }

// Name implements Pane.
func (p *Pods) Name() layout.Name { return layout.Pods }

// Title implements Pane.
func (p *Pods) Title() (string, string) {
	return "Pods", count(len(p.items), len(p.ctx.Snapshot.Pods))
}

// Sync implements Pane.
func (p *Pods) Sync() {
	p.items, p.kept = p.ctx.Snapshot.Pods, emptied(p.kept)
	if !p.ctx.showsAll() {
		for _, f := range p.ctx.Snapshot.Pods {
			o := f.Object
			if p.ctx.Shows(o.Namespace, o.Name, f.Word, o.Spec.NodeName, o.Status.PodIP) {
				p.kept = append(p.kept, f)
			}
		}
		p.items = p.kept
	}
	p.setRows(len(p.items), func(row int) watch.Ref { return podRef(p.items[row]) })
}

func podRef(f *facts.Pod) watch.Ref {
	return watch.Ref{Kind: "Pod", Namespace: f.Object.Namespace, Name: f.Object.Name}
}

// Selected is the selected pod; nil if there is none.
func (p *Pods) Selected() *facts.Pod {
	if len(p.items) == 0 {
		return nil
	}
	return p.items[p.cur.Cursor]
}

// View implements Pane.
func (p *Pods) View(focused bool, tabs string) string {
	title, n := p.Title()
	box := frame(p.ctx, title, n, tabs, focused, p.scroll())
	if len(p.items) == 0 {
		return box.Draw(p.none(), p.w, p.h)
	}
	from, to := p.window()
	t := p.table(focused)
	for _, f := range p.items[from:to] {
		t.Rows = append(t.Rows, p.row(f))
	}
	t.Cursor = p.cur.Cursor - from
	return box.Draw(t.Draw(p.w-2, p.h-2), p.w, p.h)
}

func (p *Pods) none() string {
	if len(p.ctx.Snapshot.Pods) > 0 {
		return empty(p.ctx, p.w-2, p.h-2, "No pod fits the filter.", "esc clears it")
	}
	if note := p.ctx.orRefused("Pod", ""); note != "" {
		return empty(p.ctx, p.w-2, p.h-2, note)
	}
	image := "kubarium/web:1.0" // there without the internet
	if p.ctx.Components == nil {
		image = "nginx"
	}
	return empty(p.ctx, p.w-2, p.h-2, "No pods yet.", "Try :  kubectl run web --image="+image)
}

func (p *Pods) table(focused bool) widget.Table {
	t := baseTable(p.ctx, focused)
	t.Columns = []widget.Column{
		{Title: "NAMESPACE", Min: 9, Drop: 3, Max: 18, Room: 11},
		{Title: "NAME", Min: 19, Middle: true, Flex: true},
		{Title: "READY"},
		{Title: "STATUS", Min: 18, Room: 19},
		{Title: "RESTARTS", Min: 8, Drop: 4, Room: 8},
		{Title: "AGE", Right: true, Room: 5},
		{Title: "IP", Drop: 8, Min: 11},
		{Title: "NODE", Drop: 6, Max: 24},
	}
	if p.ctx.PodUse != nil {
		t.Columns = slices.Insert(t.Columns, useAt,
			widget.Column{Title: "CPU", Right: true, Drop: 5, Room: 5}, widget.Column{Title: "MEMORY", Right: true, Drop: 7, Room: 6})
	}
	t.Columns = p.ctx.unlessChosen(t.Columns)
	return t
}

// unlessChosen leaves out the first column, which has the namespace, where there is only one.
func (c *Context) unlessChosen(columns []widget.Column) []widget.Column {
	if c.Namespace != "" {
		return columns[1:]
	}
	return columns
}

func (p *Pods) row(f *facts.Pod) []widget.Cell {
	t := p.ctx.Theme
	o := f.Object
	sign, tone := PodSign(p.ctx, f.State)
	muted, text := t.Tone(theme.Muted), t.Text
	restarts := fmt.Sprint(f.Restarts)
	if f.Restarts > 0 && !f.LastRestart.IsZero() {
		restarts += " (" + facts.Age(p.ctx.Now.Sub(f.LastRestart)) + ")"
	}
	ready := text
	if f.Ready < f.Total && f.State != facts.Completed {
		ready = t.Tone(theme.Warn)
	}
	node := o.Spec.NodeName
	if node == "" {
		node = "-"
	}
	name, named := p.ctx.pointed("Pod", o.Namespace, o.Name, text)
	cells := []widget.Cell{
		{Text: o.Namespace, Style: muted},
		{Text: name, Style: named},
		{Text: fmt.Sprintf("%d/%d", f.Ready, f.Total), Style: ready},
		{Text: sign + " " + f.Word, Style: t.Tone(tone)},
		{Text: restarts, Style: restartStyle(t, f)},
		{Text: facts.Age(p.ctx.Now.Sub(o.CreationTimestamp.Time)), Style: muted},
		{Text: dash(o.Status.PodIP), Style: muted},
		{Text: node, Style: muted},
	}
	if p.ctx.PodUse != nil {
		cpu, memory := p.ctx.UseOf(o.Namespace, o.Name)
		cells = slices.Insert(cells, useAt, widget.Cell{Text: cpu, Style: muted}, widget.Cell{Text: memory, Style: muted})
	}
	if p.ctx.Namespace != "" {
		return cells[1:]
	}
	return cells
}

// UseOf is what a pod uses, in words.
func (c *Context) UseOf(namespace, name string) (cpu, memory string) {
	u, known := c.PodUse[namespace+"/"+name]
	if !known {
		return "-", "-"
	}
	return u.Cores(), u.Size()
}

func restartStyle(t *theme.Theme, f *facts.Pod) theme.Ink {
	if f.Restarts > 0 {
		return t.Tone(theme.Warn)
	}
	return t.Tone(theme.Muted)
}

// Bindings implements Pane.
func (p *Pods) Bindings() keys.Set {
	set := append(keys.Set{logsKey(p.ctx, p.ref)}, objectKeys(p.ctx, p.ref)...)
	return append(set, p.moves()...)
}

// Click implements Pane.
func (p *Pods) Click(_, y int) tea.Cmd {
	return p.click(y, func() tea.Cmd { return send(OpenMsg{Ref: p.selected, Tab: Summary}) })
}

func baseTable(c *Context, focused bool) widget.Table {
	t := c.Theme
	return widget.Table{
		Heading: t.Tone(theme.Faint), Selected: t.Selected, Focused: focused,
		Ellipsis: t.Icons.Ellipsis, Marker: t.Icons.Cursor,
	}
}

func count(shown, all int) string {
	if shown == all {
		return fmt.Sprint(all)
	}
	return fmt.Sprintf("%d of %d", shown, all)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
