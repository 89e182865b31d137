package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/gauge"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// changedTime is how long a cell that has changed is marked.
const changedTime = 3 * time.Second

// rowsMsg brings what a view's feed has.
type rowsMsg struct {
	view  *View
	feed  Feed
	state State
}

// View is the table of one kind.
type View struct {
	ctx    *pane.Context
	source Source
	kind   Kind
	query  Query
	feed   Feed
	err    error

	// told is what the feed has told; state has beside it what pods and nodes use.
	told, state State
	use         map[string]gauge.Use
	// byUID finds the rows as they were told last.
	byUID   map[types.UID]Row
	changed map[cell]time.Time
	marked  map[types.UID]bool

	table  table
	sortBy string
	desc   bool
	wide   bool

	w, h     int
	cur      widget.List
	selected types.UID
	moved    bool
	// side is how many columns behind the name are passed over.
	side int
	// listed is when Anew listed last.
	listed time.Time
}

// cell is a place in the table, whatever its order.
type cell struct {
	uid    types.UID
	column int
}

// Open shows a kind.
func Open(ctx *pane.Context, source Source, kind Kind, query Query) (*View, tea.Cmd) {
	v := &View{ctx: ctx, source: source, kind: kind, query: query, marked: map[types.UID]bool{}}
	return v, v.follow()
}

// Kind is what is shown.
func (v *View) Kind() Kind { return v.kind }

// Title names the view on the help page.
func (v *View) Title() string { return v.kind.Title() }

// Filtered says that the filter and the namespace choose what is shown.
func (v *View) Filtered() bool { return true }

// follow begins to follow what the query says.
func (v *View) follow() tea.Cmd {
	v.told, v.state, v.byUID, v.changed = State{}, State{}, nil, map[cell]time.Time{}
	feed, err := v.source(v.kind, v.query)
	v.err = err
	v.arrange()
	if err != nil {
		return nil
	}
	v.feed = feed
	return v.wait()
}

func (v *View) wait() tea.Cmd {
	f := v.feed
	return func() tea.Msg {
		state, open := f.Next()
		if !open {
			return nil
		}
		return rowsMsg{view: v, feed: f, state: state}
	}
}

// Close ends what the view has running.
func (v *View) Close() {
	if v.feed != nil {
		// Its end may have to wait for a request: nothing here may.
		go v.feed.Close()
		v.feed = nil
	}
}

// Sync takes over the namespace and the filter.
func (v *View) Sync() tea.Cmd {
	if v.kind.Namespaced && v.query.Namespace != v.ctx.Namespace {
		v.Close()
		v.query.Namespace = v.ctx.Namespace
		return v.follow()
	}
	v.addUse()
	v.arrange()
	return nil
}

// Update takes what the feed has.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(gauge.Report); ok {
		v.measured()
	}
	m, ok := msg.(rowsMsg)
	if !ok || m.view != v || m.feed != v.feed || v.feed == nil {
		return nil
	}
	v.take(m.state)
	return v.wait()
}

// take takes a new state, and notes which cells are different now.
func (v *View) take(state State) {
	byUID := make(map[types.UID]Row, len(state.Rows))
	for _, r := range state.Rows {
		byUID[r.UID] = r
		before, known := v.byUID[r.UID]
		if !known || before.Version == r.Version {
			continue
		}
		for i, text := range r.Cells {
			if i < len(before.Cells) && before.Cells[i] != text {
				v.changed[cell{r.UID, i}] = v.ctx.Now
			}
		}
	}
	for uid := range v.marked {
		if _, there := byUID[uid]; !there {
			delete(v.marked, uid)
		}
	}
	for c, at := range v.changed {
		if _, there := byUID[c.uid]; !there || v.ctx.Now.Sub(at) >= changedTime {
			delete(v.changed, c)
		}
	}
	if len(state.Columns) == 0 {
		state.Columns = v.told.Columns
	}
	v.told, v.byUID = state, byUID
	v.addUse()
	v.arrange()
}

// Version is the version of an object among the rows, "" if it is not there.
func (v *View) Version(ref watch.Ref) string {
	for _, r := range v.state.Rows {
		if r.Name == ref.Name && r.Namespace == ref.Namespace && v.kind.Ref(r.Namespace, r.Name) == ref {
			return r.Version
		}
	}
	return ""
}

// Changing reports whether a mark of a change is on the screen, which goes by itself.
func (v *View) Changing() bool {
	for _, at := range v.changed {
		if v.ctx.Now.Sub(at) < changedTime {
			return true
		}
	}
	return false
}

// Young reports whether an age is told in seconds.
func (v *View) Young() bool {
	return slices.ContainsFunc(v.table.rows, func(r Row) bool { return v.ctx.Now.Sub(r.Created) < 2*time.Minute })
}

// arrange sorts and filters what there is, and keeps the cursor on its object.
func (v *View) arrange() {
	v.table = newTable(v)
	if v.moved {
		if i := slices.IndexFunc(v.table.rows, func(r Row) bool { return r.UID == v.selected }); i >= 0 {
			v.cur.Cursor = i
		}
	}
	v.clamp()
}

func (v *View) clamp() {
	v.cur.Clamp(len(v.table.rows), v.visible())
	if v.cur.Cursor >= 0 && v.cur.Cursor < len(v.table.rows) {
		v.selected = v.table.rows[v.cur.Cursor].UID
	}
}

func (v *View) visible() int { return max(0, v.h-3) }

// SetSize tells the room, frame included.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.clamp()
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) { v.move(by) }

func (v *View) move(by int) {
	v.moved = true
	v.cur.Move(by, len(v.table.rows))
	v.clamp()
}

// Click selects the row under the mouse; on the selected one it is enter, and on a
// heading it sorts.
func (v *View) Click(x, y int) tea.Cmd {
	if y == 1 {
		v.sortAt(x - 1)
		return nil
	}
	row := v.cur.Offset + y - 2
	if y < 2 || y >= v.h-1 || row >= len(v.table.rows) {
		return nil
	}
	if row == v.cur.Cursor {
		return v.open(pane.Summary)
	}
	v.moved = true
	v.cur.Cursor = row
	v.clamp()
	return nil
}

// View draws the table.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis,
		Title: t.Key.Render(v.heading()), Right: t.Heading.Render(v.count()),
		Scroll: &widget.Scroll{Offset: v.cur.Offset, Visible: v.visible(), Total: len(v.table.rows)}, Thumb: t.Icons.ScrollThumb,
	}
	if len(v.table.rows) == 0 {
		return box.Draw(v.none(), v.w, v.h)
	}
	from := v.cur.Offset
	to := min(len(v.table.rows), from+v.visible())
	drawn := v.draw(from, to)
	box.Foot = v.beyond(drawn.Hidden(v.w - 2))
	return box.Draw(drawn.Draw(v.w-2, v.h-2), v.w, v.h)
}

// heading says what is shown: the kind, where, chosen how, in which order.
func (v *View) heading() string {
	words := []string{v.kind.Title()}
	if v.kind.Namespaced {
		namespace := v.query.Namespace
		if namespace == "" {
			namespace = "all namespaces"
		}
		words = append(words, "in "+namespace)
	}
	if s := v.query.String(); s != "" {
		words = append(words, s)
	}
	if slices.ContainsFunc(v.state.Columns, func(c metav1.TableColumnDefinition) bool { return c.Name == v.sortBy }) {
		order := "by " + strings.ToLower(v.sortBy)
		if v.desc {
			order += ", largest first"
		}
		words = append(words, order)
	}
	return widget.Clean(strings.Join(words, "  "))
}

func (v *View) count() string {
	shown, all := len(v.table.rows), len(v.state.Rows)
	text := fmt.Sprint(shown)
	if shown != all {
		text = fmt.Sprintf("%d of %d", shown, all)
	}
	if n := len(v.marked); n > 0 {
		text += fmt.Sprintf(", %d marked", n)
	}
	if v.state.Err != nil && v.state.Loaded {
		text += ", not up to date"
	}
	return text
}

// none says why there are no rows.
func (v *View) none() string {
	t := v.ctx.Theme
	line, tone := "", theme.Muted
	switch {
	case v.err != nil:
		line, tone = v.err.Error(), theme.Bad
	case v.state.Err != nil:
		line, tone = v.state.Err.Error(), theme.Bad
	case !v.state.Loaded:
		line = "asking the API server" + t.Icons.Ellipsis
	case len(v.state.Rows) > 0:
		line = "Nothing fits the filter: esc clears it."
	default:
		line = "There are none."
		if v.kind.Namespaced && v.query.Namespace != "" {
			line = "There are none in " + v.query.Namespace + ". n shows another namespace, or all."
		}
	}
	var lines []string
	for _, l := range widget.Lines(widget.Clean(line), max(1, min(v.w-6, 90))) {
		lines = append(lines, t.Tone(tone).Render(l))
	}
	return widget.Center(strings.Join(lines, "\n"), v.w-2, v.h-2)
}
