package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
)

// Column is a column of a table.
type Column struct {
	Title string
	// Right puts the cells at the right.
	Right bool
	// Min is the narrowest it may get; below that, columns are left out, those
	// with the greatest Drop first. Columns with Drop 0 stay.
	Min, Drop int
	// Flex columns share what room is left.
	Flex bool
	// Middle cuts cells in their middle.
	Middle bool
	// Max is the widest it gets, if above 0.
	Max int
	// Room is what it takes if there is room, even if its cells need less: so that
	// columns stay in place when cells change.
	Room int
}

// Cell is one field of a row.
type Cell struct {
	Text  string
	Style theme.Ink
	// Changed marks what is new in it, in the selected row, too.
	Changed bool
}

// markChange draws what has changed in a text so that it is seen without colours. lipgloss would
// draw each letter by itself to underline it, and blanks without the rest of the style.
func markChange(s theme.Ink, text string) string {
	from, to := within(text)
	if from >= to {
		return s.Render(text)
	}
	air := func(n int) string {
		if n <= 0 {
			return ""
		}
		return s.Render(strings.Repeat(" ", n))
	}
	return air(from) + ansi.Style{}.Underline(true).String() + s.Bold().Render(strings.TrimSpace(text)) + air(Width(text)-to)
}

// within is where in a cell its text begins and ends, without the air around it.
func within(cell string) (from, to int) {
	left, right := strings.TrimLeft(cell, " "), strings.TrimRight(cell, " ")
	return Width(cell) - Width(left), Width(right)
}

// Table is a list of rows in columns.
type Table struct {
	Columns  []Column
	Rows     [][]Cell
	Heading  theme.Ink
	Selected theme.Ink
	// Cursor is the selected row; -1 for none. It is drawn in Selected if the table
	// has the focus, else it has the marker only.
	Cursor, Offset   int
	Focused          bool
	Ellipsis, Marker string
}

const gap = 2

// Draw draws the heading and as many rows as fit in w by h cells.
func (t Table) Draw(w, h int) string {
	if w <= 2 || h <= 0 {
		return Block(nil, w, h, "")
	}
	widths := t.widths(w - 3) // the marker, and air at the right
	lines := make([]string, 0, h)
	line := t.line("  ", nil, widths, func(i int) string { return t.Heading.Render(t.cut(t.Columns[i].Title, i, widths[i])) })
	lines = append(lines, string(line))
	for i := t.Offset; i < len(t.Rows) && len(lines) < h; i++ {
		row := t.Rows[i]
		if i != t.Cursor || !t.Focused {
			marker := "  "
			if i == t.Cursor {
				marker = t.Heading.Render(t.Marker) + " "
			}
			line = t.line(marker, line, widths, func(c int) string {
				text := t.cut(row[c].Text, c, widths[c])
				if row[c].Changed {
					return markChange(row[c].Style, text)
				}
				return row[c].Style.Render(text)
			})
			lines = append(lines, string(line))
			continue
		}
		lines = append(lines, t.selected(row, widths, w))
	}
	return Block(lines, w, h, t.Ellipsis)
}

// selected is the row under the cursor: all in one style, but for what has changed.
func (t Table) selected(row []Cell, widths []int, w int) string {
	var done, plain strings.Builder
	plain.WriteString(t.Marker + " ")
	first := true
	for c, cw := range widths {
		if cw <= 0 {
			continue
		}
		if !first {
			plain.WriteString(strings.Repeat(" ", gap))
		}
		first = false
		text := t.cut(row[c].Text, c, cw)
		if !row[c].Changed {
			plain.WriteString(text)
			continue
		}
		done.WriteString(t.Selected.Render(plain.String()) + markChange(t.Selected, text))
		plain.Reset()
	}
	rest := w - Width(done.String())
	return done.String() + t.Selected.Render(Fit(plain.String(), rest, t.Ellipsis))
}

// ColumnAt is the column under the cell x of a table that is w cells wide; -1 if there is
// none.
func (t Table) ColumnAt(x, w int) int {
	at := 2 // the marker
	for i, cw := range t.widths(w - 3) {
		if cw <= 0 {
			continue
		}
		if x >= at && x < at+cw {
			return i
		}
		at += cw + gap
	}
	return -1
}

// Hidden is how many columns have no room in a table that is w cells wide.
func (t Table) Hidden(w int) int {
	n := 0
	for _, cw := range t.widths(w - 3) {
		if cw <= 0 {
			n++
		}
	}
	return n
}

// line writes the cells of a row behind its marker, over the line before.
func (t Table) line(marker string, over []byte, widths []int, cell func(int) string) []byte {
	line, first := append(over[:0], marker...), true
	for i, cw := range widths {
		if cw <= 0 {
			continue
		}
		if !first {
			line = append(line, strings.Repeat(" ", gap)...)
		}
		first = false
		line = append(line, cell(i)...)
	}
	return line
}

func (t Table) cut(s string, col, w int) string {
	c := t.Columns[col]
	if c.Middle {
		s = Middle(s, w, t.Ellipsis)
	}
	if c.Right {
		return FitRight(s, w, t.Ellipsis)
	}
	return Fit(s, w, t.Ellipsis)
}

// widths gives each column its room: what its cells need, less what does not
// fit, and to the flexible ones what is left over.
func (t Table) widths(w int) []int {
	need, want, least := make([]int, len(t.Columns)), make([]int, len(t.Columns)), make([]int, len(t.Columns))
	for i, c := range t.Columns {
		need[i] = Width(c.Title)
		for _, r := range t.Rows {
			need[i] = max(need[i], Width(r[i].Text))
		}
		if c.Max > 0 {
			need[i] = min(need[i], c.Max)
		}
		want[i], least[i] = max(need[i], c.Room), need[i]
		if c.Min > 0 {
			least[i] = min(need[i], c.Min)
		}
	}
	for total(least) > w && t.dropOne(least) {
	}
	for i, n := range least {
		if n == 0 {
			want[i], need[i] = 0, 0
		}
	}
	// Spare room goes first, then what the widest cells need.
	over := t.shrink(want, need, total(want)-w)
	over = t.shrink(want, least, over)
	if over < 0 {
		t.stretch(want, -over)
	}
	return want
}

// shrink takes cells from columns down to their floor: first from those that are
// missed least, among equals from the one that has most to give. It returns what
// is still too much.
func (t Table) shrink(want, floor []int, over int) int {
	for ; over > 0; over-- {
		most := -1
		for i, c := range t.Columns {
			if want[i] <= floor[i] {
				continue
			}
			if most < 0 || c.Drop > t.Columns[most].Drop ||
				c.Drop == t.Columns[most].Drop && want[i]-floor[i] > want[most]-floor[most] {
				most = i
			}
		}
		if most < 0 {
			break
		}
		want[most]--
	}
	return over
}

// total is how wide the columns are together.
func total(widths []int) int {
	sum, n := 0, 0
	for _, cw := range widths {
		if cw > 0 {
			sum += cw
			n++
		}
	}
	return sum + gap*max(0, n-1)
}

// dropOne leaves out the column that is missed least.
func (t Table) dropOne(want []int) bool {
	drop := -1
	for i, c := range t.Columns {
		if want[i] > 0 && c.Drop > 0 && (drop < 0 || c.Drop > t.Columns[drop].Drop) {
			drop = i
		}
	}
	if drop < 0 {
		return false
	}
	want[drop] = 0
	return true
}

// stretch gives what room is left to the flexible columns.
func (t Table) stretch(want []int, room int) {
	var flex []int
	for i, c := range t.Columns {
		if c.Flex && want[i] > 0 {
			flex = append(flex, i)
		}
	}
	for n := range flex {
		share := room / (len(flex) - n)
		want[flex[n]] += share
		room -= share
	}
}
