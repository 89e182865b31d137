package resource

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// widest is how wide a column gets, however long its cells are.
const widest = 60

// table is what of a state is shown, in order.
type table struct {
	// columns are the places of the columns that are shown.
	columns []int
	// room is how wide each column is with all its rows, so that it keeps its place while
	// rows move.
	room []int
	rows []Row
}

func newTable(v *View) table {
	t := table{}
	for i, c := range v.state.Columns {
		if c.Priority == 0 || v.wide {
			t.columns = append(t.columns, i)
		}
	}
	t.columns = beforeAge(v.state.Columns, t.columns)
	for _, r := range v.state.Rows {
		if v.fits(r) {
			t.rows = append(t.rows, r)
		}
	}
	slices.SortFunc(t.rows, v.order())
	t.room = make([]int, len(v.state.Columns))
	for _, i := range t.columns {
		t.room[i] = widget.Width(v.state.Columns[i].Name)
		for _, r := range t.rows {
			if i < len(r.Cells) {
				t.room[i] = max(t.room[i], min(widest, widget.Width(r.Cells[i])))
			}
		}
	}
	return t
}

// fits reports whether the filter lets a row through.
func (v *View) fits(r Row) bool {
	return v.ctx.Text == "" || v.ctx.Fits(append(slices.Clip(r.Cells), r.Namespace)...)
}

// order compares rows by the chosen column, then by namespace and name.
func (v *View) order() func(a, b Row) int {
	by := slices.IndexFunc(v.state.Columns, func(c metav1.TableColumnDefinition) bool { return c.Name == v.sortBy })
	return func(a, b Row) int {
		order := 0
		switch {
		case v.sortBy == ageColumn:
			// The youngest has the smallest age.
			order = b.Created.Compare(a.Created)
		case by >= 0 && by < len(a.Cells) && by < len(b.Cells):
			order = compareCells(v.sortBy, a.Cells[by], b.Cells[by])
		}
		if v.desc {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
}

// ageColumn is told anew with each frame: the server's word grows old.
const ageColumn = "Age"

// compareCells compares numbers, durations and quantities as such, else as text. Numbers come
// first: by their text 10 would be before 1a, that before 9, and 9 before 10.
func compareCells(column, a, b string) int {
	x, xok := number(column, a)
	y, yok := number(column, b)
	switch {
	case xok && yok:
		return cmp.Compare(x, y)
	case xok:
		return -1
	case yok:
		return 1
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

// number reads "3", "2/3", "5 (10m ago)", "3m5s" and "512Mi". 5m are minutes, but where
// thousandths of a CPU are told.
func number(column, s string) (float64, bool) {
	s, _, _ = strings.Cut(s, " ")
	s, _, _ = strings.Cut(s, "/")
	if age, ok := duration(s); ok && !strings.Contains(strings.ToLower(column), "cpu") {
		return age.Seconds(), true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, true
	}
	if q, err := resource.ParseQuantity(s); err == nil {
		return q.AsApproximateFloat64(), true
	}
	return 0, false
}

// duration reads what the server prints of times: "30s", "3m5s", "4d2h", "2y10d".
func duration(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'y': 365 * day, 'd': day, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	var sum time.Duration
	for rest := s; rest != ""; {
		at := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if at < 1 || units[rest[at]] == 0 {
			return 0, false
		}
		n, err := strconv.Atoi(rest[:at])
		if err != nil {
			return 0, false
		}
		sum, rest = sum+time.Duration(n)*units[rest[at]], rest[at+1:]
	}
	return sum, s != ""
}

// draw makes the part of the table that is in view.
func (v *View) draw(from, to int) widget.Table {
	th := v.ctx.Theme
	out := widget.Table{
		Heading: th.Tone(theme.Faint), Selected: th.Selected, Focused: true, Ellipsis: th.Icons.Ellipsis,
		Marker: th.Icons.Cursor, Cursor: v.cur.Cursor - from,
	}
	marks := len(v.marked) > 0
	if marks {
		out.Columns = append(out.Columns, widget.Column{})
	}
	namespace := v.kind.Namespaced && v.query.Namespace == ""
	if namespace {
		out.Columns = append(out.Columns, widget.Column{Title: "NAMESPACE", Min: 9, Drop: 3, Max: 24, Room: v.widestNamespace()})
	}
	shown := v.aside()
	for n, i := range shown {
		out.Columns = append(out.Columns, v.column(n, i, n == len(shown)-1))
	}
	for _, r := range v.table.rows[from:to] {
		var row []widget.Cell
		if marks {
			row = append(row, widget.Cell{Text: map[bool]string{true: th.Icons.Check, false: " "}[v.marked[r.UID]], Style: th.Tone(theme.Accent)})
		}
		if namespace {
			row = append(row, widget.Cell{Text: widget.Clean(r.Namespace), Style: th.Tone(theme.Muted)})
		}
		for _, i := range shown {
			row = append(row, v.cell(r, i))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// aside are the columns from where one has moved to, behind the name.
func (v *View) aside() []int {
	v.side = max(0, min(v.side, len(v.table.columns)-2))
	if v.side == 0 {
		return v.table.columns
	}
	return append([]int{v.table.columns[0]}, v.table.columns[1+v.side:]...)
}

// beyond says how many columns are not seen.
func (v *View) beyond(hidden int) string {
	if hidden += v.side; hidden == 0 {
		return ""
	}
	return v.ctx.Theme.Tone(theme.Faint).Render("+" + widget.Plural(hidden, "column", "columns"))
}

func (v *View) widestNamespace() int {
	most := len("NAMESPACE")
	for _, r := range v.table.rows {
		most = max(most, len(r.Namespace))
	}
	return min(most, 24)
}

// column is the n-th column that is shown. The first has the name; the later a column, the
// sooner it goes when there is no room. Whoever moves sideways wants to read: then none is cut
// as long as another can go.
func (v *View) column(n, i int, last bool) widget.Column {
	c := v.state.Columns[i]
	title := strings.ToUpper(c.Name)
	if c.Name == v.sortBy {
		title += map[bool]string{true: " v", false: " ^"}[v.desc]
	}
	column := widget.Column{Title: title, Room: v.table.room[i], Max: widest, Min: min(v.table.room[i], 8), Drop: 4 + n}
	if v.side > 0 {
		column.Min = v.table.room[i]
	}
	switch {
	case n == 0:
		column.Min, column.Middle, column.Drop = 19, true, 0
	case c.Name == ageColumn:
		column.Right, column.Drop, column.Room, column.Min = true, 2, 5, 0
	case c.Name == cpuColumn || c.Name == memoryColumn:
		column.Right, column.Room = true, max(6, column.Room)
	case c.Name == "Status":
		column.Drop, column.Min = 1, min(column.Room, 18)
	case c.Name == "Ready" || c.Name == "Message" || c.Name == "Reason":
		column.Drop = 1
	}
	// What the rows are sorted by is what is looked for.
	if c.Name == v.sortBy {
		column.Drop = min(column.Drop, 1)
	}
	// What is left over goes to the last column, so that the others stand close.
	column.Flex = last && c.Name != ageColumn
	return column
}

func (v *View) cell(r Row, i int) widget.Cell {
	th := v.ctx.Theme
	if i >= len(r.Cells) {
		return widget.Cell{}
	}
	name, text := v.state.Columns[i].Name, widget.Clean(r.Cells[i])
	if name == ageColumn && !r.Created.IsZero() {
		return widget.Cell{Text: facts.Age(v.ctx.Now.Sub(r.Created)), Style: th.Tone(theme.Muted)}
	}
	style := th.Text
	if i != v.table.columns[0] {
		style = th.Tone(ToneOf(name, text))
	}
	at, changed := v.changed[cell{r.UID, i}]
	return widget.Cell{Text: text, Style: style, Changed: changed && v.ctx.Now.Sub(at) < changedTime}
}

// ToneOf is how alarming a word is. The word itself says it: the tone only helps the eye.
func ToneOf(column, text string) theme.Tone {
	switch column {
	case "Status", "Phase", "Reason", "Type", "State", "Health":
	case "Ready":
		if ready, all, ok := strings.Cut(text, "/"); ok && ready != all {
			return theme.Warn
		}
		return theme.Plain
	default:
		return theme.Muted
	}
	switch word := strings.ToLower(text); {
	case slices.ContainsFunc([]string{"err", "fail", "backoff", "oom", "evicted", "crash", "invalid", "lost", "notready"}, func(s string) bool { return strings.Contains(word, s) }):
		return theme.Bad
	case slices.ContainsFunc([]string{"pending", "creating", "init:", "waiting", "warning", "unknown", "disabled"}, func(s string) bool { return strings.Contains(word, s) }):
		return theme.Warn
	case strings.HasPrefix(word, "terminating"), word == "completed", word == "complete", word == "normal":
		return theme.Muted
	case slices.Contains([]string{"running", "active", "bound", "ready", "available", "succeeded", "true"}, word):
		return theme.OK
	}
	return theme.Plain
}
