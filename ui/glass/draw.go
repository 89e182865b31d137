package glass

import (
	"cmp"
	"fmt"
	"strings"

	"kubarium/cluster/trace"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// widest is how much of a cell anybody can see.
const widest = 400

// What the panes are called, and what they say when they are empty.
var (
	names = [panes]string{"API server", "etcd", "Scheduler", "Controllers", "Nodes", "On purpose"}
	nones = [panes]string{
		"No request yet that changes something: r shows those that read, too.", "Nothing was written yet.",
		"No pod was looked at yet.", "No controller said anything yet.", "No kubelet did anything yet.",
		"Nothing is broken or held: see kubarium fault and kubarium hold.",
	}
)

// narrow is below what width a pane spares room.
const narrow = 75

// gridWidth is from where on all panes are seen at once, gridHeight is what that needs.
const (
	gridWidth, gridHeight = 110, 24
	columns, rows         = 2, 3
)

func (v *View) grid() bool { return v.w >= gridWidth && v.h >= gridHeight }

// room is where a pane is drawn.
func (v *View) room(at int) (x, y, w, h int) {
	if !v.grid() {
		return 0, 1, v.w, v.h - 1
	}
	col, row := at%columns, at/columns
	x, y = col*v.w/columns, row*v.h/rows
	return x, y, (col+1)*v.w/columns - x, (row+1)*v.h/rows - y
}

// visible is how many events fit in the pane that has the focus.
func (v *View) visible() int {
	_, _, _, h := v.room(v.focus)
	return max(0, h-3)
}

// under is the pane and the row at a place; -1 if there is none.
func (v *View) under(x, y int) (at, row int) {
	if !v.grid() {
		if y == 0 {
			from := 1
			for i := range panes {
				to := from + widget.Width(v.tab(i))
				if x >= from && x < to {
					v.focus = i
				}
				from = to
			}
			return -1, 0
		}
		return v.focus, y - 3
	}
	for i := range panes {
		px, py, w, h := v.room(i)
		if x >= px && x < px+w && y >= py && y < py+h {
			return i, y - py - 2
		}
	}
	return -1, 0
}

// SetSize tells the room for the next View.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.doc.SetSize(w-2, h-2)
	for at := range v.flows {
		v.flows[at].clamp(v.visible())
	}
}

// View draws the screen.
func (v *View) View() string {
	if v.reading() {
		return v.document()
	}
	if !v.grid() {
		head := " "
		for at := range panes {
			head += v.tab(at)
		}
		t := v.ctx.Theme
		return widget.Stack(v.w, v.h, widget.Spread(head, v.state(), v.w, t.Icons.Ellipsis), v.draw(v.focus, true))
	}
	var lines []string
	for row := range rows {
		var blocks []string
		for col := range columns {
			at := row*columns + col
			blocks = append(blocks, v.draw(at, at == v.focus))
		}
		lines = append(lines, widget.Beside(blocks...))
	}
	return widget.Stack(v.w, v.h, lines...)
}

func (v *View) tab(at int) string {
	style := v.ctx.Theme.Tone(theme.Muted)
	if at == v.focus {
		style = v.ctx.Theme.Selected.Bold()
	}
	return style.Render(" " + names[at] + " ")
}

// state says what keeps the picture from being the present.
func (v *View) state() string {
	t := v.ctx.Theme
	switch {
	case v.paused:
		return t.Tone(theme.Warn).Render("paused ")
	case v.lost > 0:
		return t.Tone(theme.Warn).Render(fmt.Sprintf("%d went by unseen ", v.lost))
	}
	return ""
}

// draw draws one pane.
func (v *View) draw(at int, focused bool) string {
	t, f := v.ctx.Theme, &v.flows[at]
	_, _, w, h := v.room(at)
	own := *f
	own.clamp(max(0, h-3))
	border := t.Border
	if focused {
		border = t.BorderFocus
	}
	title := names[at]
	if note := v.note(at); note != "" {
		title += "  " + note
	}
	right := t.Heading.Render(widget.Plural(f.count, "event", "events"))
	if v.grid() && at == requests && v.state() != "" {
		right = v.state()
	}
	box := widget.Box{
		Border: t.Icons.Border, Style: border, Ellipsis: t.Icons.Ellipsis, Title: t.Key.Render(title), Right: right,
		Scroll: &widget.Scroll{Offset: own.offset, Visible: max(0, h-3), Total: len(own.shown)}, Thumb: t.Icons.ScrollThumb,
	}
	if len(own.shown) == 0 {
		none := nones[at]
		if f.count > 0 && (v.ctx.Text != "" || v.ctx.Namespace != "") {
			none = "Nothing fits the filter."
		}
		if !v.told && v.sources.Flow != nil {
			none = "reading the trace" + t.Icons.Ellipsis
		}
		var told []string
		for _, line := range widget.Lines(none, max(1, w-6)) {
			told = append(told, t.Tone(theme.Muted).Render(line))
		}
		return box.Draw(widget.Center(strings.Join(told, "\n"), w-2, h-2), w, h)
	}
	return box.Draw(v.table(at, own, focused).Draw(w-2, h-2), w, h)
}

// note is what is known of a component besides its events.
func (v *View) note(at int) string {
	switch {
	case at == attempts && len(v.pending) > 0:
		counts := map[string]int{}
		for _, p := range v.pending {
			counts[p.Queue]++
		}
		var parts []string
		for _, queue := range []string{"in flight", "active", "backoff", "unschedulable", "group"} {
			if n := counts[queue]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, queue))
			}
		}
		return strings.Join(parts, ", ")
	case at == controllers:
		waiting := 0
		for _, q := range v.queues {
			waiting += q.Depth
		}
		if waiting > 0 {
			return fmt.Sprintf("%d wait", waiting)
		}
	}
	return ""
}

func (v *View) table(at int, f flow, focused bool) widget.Table {
	t := v.ctx.Theme
	table := widget.Table{
		Heading: t.Heading, Selected: t.Selected, Cursor: f.cursor, Offset: f.offset, Focused: focused,
		Ellipsis: t.Icons.Ellipsis, Marker: t.Icons.Cursor,
	}
	most, clock := 28, "15:04:05.000"
	if _, _, w, _ := v.room(at); w < narrow {
		most, clock = 18, "04:05.000"
	}
	for _, title := range titles(at) {
		table.Columns = append(table.Columns, widget.Column{Title: title, Max: most})
	}
	last := &table.Columns[len(table.Columns)-1]
	last.Flex, last.Min, last.Max = true, 10, 0
	for i, e := range f.shown {
		if i < f.offset || i >= f.offset+v.h {
			// What is not seen does not decide how wide the columns are.
			table.Rows = append(table.Rows, make([]widget.Cell, len(table.Columns)))
			continue
		}
		table.Rows = append(table.Rows, v.row(at, e, clock))
	}
	return table
}

func titles(at int) []string {
	switch at {
	case requests:
		return []string{"TIME", "WHO", "VERB", "", "OBJECT"}
	case writes:
		return []string{"TIME", "VERB", "REVISION", "OBJECT AND CHANGE"}
	case attempts:
		return []string{"TIME", "POD", "DECISION"}
	case nodes:
		return []string{"TIME", "NODE", "WHAT"}
	}
	return []string{"TIME", "WHO", "WHAT"}
}

// row is an event in the columns of its pane.
func (v *View) row(at int, e trace.Event, clock string) []widget.Cell {
	t := v.ctx.Theme
	cell := func(s string, tone theme.Tone) widget.Cell {
		s = strings.ToValidUTF8(s[:min(len(s), widest)], "")
		return widget.Cell{Text: widget.Clean(strings.ReplaceAll(s, "\n", "; ")), Style: t.Tone(tone)}
	}
	when := cell(e.Time.In(v.ctx.Now.Location()).Format(clock), theme.Faint)
	switch at {
	case requests:
		if e.Verb == "notify" {
			return []widget.Cell{when, cell("", theme.Plain), cell("notify", theme.Faint), cell(e.Fields["watchers"], theme.Faint), cell(objectOf(e)+" to "+e.Fields["to"], theme.Faint)}
		}
		return []widget.Cell{when, cell(who(e), theme.Accent), cell(e.Verb, theme.Plain), cell(e.Fields["code"], tone(e)), cell(objectOf(e), theme.Plain)}
	case writes:
		return []widget.Cell{when, cell(e.Verb, theme.Plain), cell(e.Fields["revision"], theme.Muted), cell(objectOf(e)+"  "+e.Fields["diff"], theme.Plain)}
	case attempts:
		return []widget.Cell{when, cell(e.Object.Namespace+"/"+e.Object.Name, theme.Accent), cell(e.Detail, tone(e))}
	case nodes:
		what := strings.TrimSpace(e.Verb + " " + objectOf(e) + "  " + e.Detail)
		if e.Component != "kubelet" {
			what = e.Component + " " + what
		}
		return []widget.Cell{when, cell(cmp.Or(e.Fields["node"], e.Actor), theme.Accent), cell(what, tone(e))}
	}
	return []widget.Cell{when, cell(short(at, e), theme.Accent), cell(said(at, e), tone(e))}
}

func short(at int, e trace.Event) string {
	if at == controllers {
		return strings.TrimSuffix(e.Actor, "-controller")
	}
	return e.Component
}

func said(at int, e trace.Event) string {
	if at == controllers {
		return e.Detail
	}
	return e.Verb + " " + objectOf(e) + "  " + e.Detail
}

// objectOf is what an event is about, without its group.
func objectOf(e trace.Event) string {
	o := e.Object
	if o == (trace.Object{}) {
		return e.Fields["path"]
	}
	o.Group = ""
	return o.String()
}

// tone says whether something failed.
func tone(e trace.Event) theme.Tone {
	code := e.Fields["code"]
	switch {
	case strings.HasPrefix(code, "5"), e.Verb == "fail", e.Verb == "inject":
		return theme.Bad
	case strings.HasPrefix(code, "4"), e.Verb == trace.Refuse, e.Verb == "wait", e.Fields["value.err"] != "", e.Fields["error"] != "":
		return theme.Warn
	case e.Verb == trace.Schedule, e.Verb == "heal":
		return theme.OK
	}
	return theme.Plain
}

// who is the actor without what all of them have in common.
func who(e trace.Event) string {
	name := strings.TrimPrefix(e.Actor, "system:")
	for _, prefix := range []string{"serviceaccount:kube-system:", "serviceaccount:"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}

// document draws what is shown in detail.
func (v *View) document() string {
	t := v.ctx.Theme
	title := "What waits"
	if v.open != nil {
		title = names[paneOf(*v.open)] + ", event " + fmt.Sprint(v.open.Seq)
	}
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis,
		Title: t.Key.Render(title), Right: t.Heading.Render(v.mode()), Scroll: v.doc.Position(), Thumb: t.Icons.ScrollThumb,
	}
	return box.Draw(v.doc.View(t), v.w, v.h)
}

func (v *View) mode() string {
	if v.open != nil && v.bytes {
		return "bytes"
	}
	return ""
}
