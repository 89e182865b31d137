package graph

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/gauge"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// Sizes of a chart, in cells.
const (
	chartWidth  = 34
	chartLeast  = 5
	chartHeight = 9
	chartMost   = 30
)

// CloseMsg asks to leave the graphs.
type CloseMsg struct{}

// View is the screen.
type View struct {
	ctx    *pane.Context
	report gauge.Report
	want   func(bool)
	w, h   int
	pages  []page
	page   int
	// offset is the first row of charts in view, rows is how many there are.
	offset, rows int
}

// Open opens the graphs. want is told that somebody looks at them, and when nobody does.
func Open(ctx *pane.Context, want func(bool)) *View {
	want(true)
	return &View{ctx: ctx, want: want, pages: pages()}
}

// Title names the screen on the help page.
func (v *View) Title() string { return "Graphs" }

// SetSize tells the room for the next View.
func (v *View) SetSize(w, h int) { v.w, v.h = w, h }

// Sync takes over what has changed; the graphs are told by reports.
func (v *View) Sync() tea.Cmd { return nil }

// Page is the name of the page that is shown.
func (v *View) Page() string { return v.pages[v.page].name }

// Pages are the names of all pages.
func Pages() []string {
	var names []string
	for _, p := range pages() {
		names = append(names, p.name)
	}
	return names
}

// Update takes a report.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	if r, ok := msg.(gauge.Report); ok && r.Traffic != nil {
		v.report = r
	}
	return nil
}

// Close says that nobody looks any more.
func (v *View) Close() { v.want(false) }

// Filtered says that the filter and the namespace choose what is shown.
func (v *View) Filtered() bool { return true }

// Bindings are the screen's keys.
func (v *View) Bindings() keys.Set {
	turn := func(by int) func() tea.Cmd {
		return func() tea.Cmd { v.turn(by); return nil }
	}
	scroll := func(by int) func() tea.Cmd {
		return func() tea.Cmd { v.Scroll(by); return nil }
	}
	set := keys.Set{}
	if v.ctx.Text == "" {
		set = append(set, keys.Binding{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return CloseMsg{} } }})
	}
	return append(set, keys.Set{
		{Keys: []string{"right", "l"}, Label: "→/l", Desc: "next page", Bar: true, Run: turn(1)},
		{Keys: []string{"left", "h"}, Label: "←/h", Desc: "page before", Run: turn(-1)},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "further down", Bar: true, Run: scroll(1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "further up", Run: scroll(-1)},
	}...)
}

func (v *View) turn(by int) {
	v.page = (v.page + by + len(v.pages)) % len(v.pages)
	v.offset = 0
}

// Scroll moves by rows of charts.
func (v *View) Scroll(by int) {
	if by > 1 || by < -1 { // the wheel turns by lines
		by /= 3
	}
	v.offset = max(0, min(v.offset+by, v.rows-1))
}

// Click opens the page under the mouse.
func (v *View) Click(x, y int) tea.Cmd {
	if y != 0 {
		return nil
	}
	at := 1
	for i := range v.pages {
		end := at + widget.Width(v.tab(i))
		if x >= at && x < end {
			v.page, v.offset = i, 0
		}
		at = end
	}
	return nil
}

// tab is the name of a page as it stands in the first line.
func (v *View) tab(i int) string {
	style := v.ctx.Theme.Tone(theme.Muted)
	if i == v.page {
		style = v.ctx.Theme.Selected.Bold()
	}
	return style.Render(" " + v.pages[i].name + " ")
}

// View draws the screen.
func (v *View) View() string {
	t := v.ctx.Theme
	head := " "
	for i := range v.pages {
		head += v.tab(i)
	}
	charts := v.pages[v.page].charts(v)
	if len(charts) == 0 {
		note := widget.Center(t.Tone(theme.Muted).Render("Nothing fits the filter and the namespace: esc clears the one, n changes the other."), v.w, v.h-1)
		return widget.Stack(v.w, v.h, widget.Fit(head, v.w, t.Icons.Ellipsis), note)
	}
	cols := max(1, min(len(charts), v.w/chartWidth))
	if v.pages[v.page].paired && cols > 2 {
		cols -= cols % 2
	}
	v.rows = (len(charts) + cols - 1) / cols
	if !v.pages[v.page].paired {
		cols = (len(charts) + v.rows - 1) / v.rows // all rows alike
	}
	room := v.h - 1
	visible := max(1, min(v.rows, room/chartLeast))
	height := min(chartMost, room/visible)
	if v.rows > visible {
		height = min(chartHeight, height)
		visible = max(1, room/height)
	}
	v.offset = max(0, min(v.offset, v.rows-visible))
	lines := []string{widget.Spread(head, v.more(visible), v.w, t.Icons.Ellipsis)}
	for row := v.offset; row < min(v.rows, v.offset+visible); row++ {
		h := height
		if row == v.offset+visible-1 && v.rows <= visible && height < chartMost {
			h = room - (visible-1)*height // what the division left over
		}
		var blocks []string
		for i := row * cols; i < min((row+1)*cols, len(charts)); i++ {
			x := i % cols
			blocks = append(blocks, charts[i].draw(v.ctx, (x+1)*v.w/cols-x*v.w/cols, h))
		}
		lines = append(lines, widget.Beside(blocks...))
	}
	return widget.Stack(v.w, v.h, lines...)
}

// more says that there is more than is in view.
func (v *View) more(visible int) string {
	if v.rows <= visible {
		return ""
	}
	text := fmt.Sprintf("rows %d to %d of %d ", v.offset+1, min(v.rows, v.offset+visible), v.rows)
	return v.ctx.Theme.Tone(theme.Faint).Render(text)
}

func step(h *gauge.History) time.Duration {
	if h == nil {
		return 0
	}
	return h.Step
}

func one(h *gauge.History, g gauge.Group, name string) []float64 {
	if h == nil {
		return nil
	}
	return h.Series[g][name]
}

func sum(h *gauge.History, g gauge.Group) []float64 {
	if h == nil {
		return nil
	}
	var total []float64
	for _, s := range h.Series[g] {
		if total == nil {
			total = make([]float64, len(s))
		}
		for i, n := range s {
			total[i] += n
		}
	}
	return total
}

func last(s []float64) float64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1]
}

func split(name string) (namespace, object string) {
	namespace, object, _ = strings.Cut(name, "/")
	return namespace, object
}
