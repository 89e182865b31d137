package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// View shows a text. Its zero value shows nothing.
type View struct {
	text *Text
	list widget.List
	// rows are the lines that are not folded away.
	rows   []int
	folded map[string]bool
	left   int
	// find is what is searched for.
	find string
	w, h int
}

// Set shows a text, with the cursor on the same field as before.
func (v *View) Set(t *Text) {
	before, found := v.Field()
	line := v.line()
	v.text = t
	v.arrange()
	if found {
		if at := slices.IndexFunc(t.fields, func(f Field) bool { return f.String() == before.String() }); at >= 0 {
			line = t.fields[at].Line
		}
	}
	v.Go(line)
}

// Len is the number of lines.
func (v *View) Len() int {
	if v.text == nil {
		return 0
	}
	return len(v.text.lines)
}

// Raw is the text.
func (v *View) Raw() string {
	if v.text == nil {
		return ""
	}
	return v.text.raw
}

// SetSize tells the room.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.list.Clamp(len(v.rows), h)
}

// arrange finds the lines that are to be seen.
func (v *View) arrange() {
	v.rows = v.rows[:0]
	for line := 0; line < v.Len(); line++ {
		v.rows = append(v.rows, line)
		if f, ok := v.text.block(line); ok && v.folded[f.String()] {
			line = f.Last
		}
	}
	v.list.Clamp(len(v.rows), v.h)
}

// line is the line under the cursor.
func (v *View) line() int {
	if v.list.Cursor < 0 || v.list.Cursor >= len(v.rows) {
		return 0
	}
	return v.rows[v.list.Cursor]
}

// Go goes to a line, or to what it is folded into.
func (v *View) Go(line int) {
	for i, l := range v.rows {
		if l <= line {
			v.list.Cursor = i
		}
	}
	v.list.Clamp(len(v.rows), v.h)
}

// Field is the field under the cursor.
func (v *View) Field() (Field, bool) {
	if v.text == nil {
		return Field{}, false
	}
	return v.text.At(v.line())
}

// Fold hides what is below the field under the cursor, or shows it.
func (v *View) Fold() {
	if v.text == nil {
		return
	}
	line := v.line()
	f, ok := v.text.block(line)
	if !ok {
		// A line of its own belongs to the block around it.
		for _, around := range v.text.fields {
			if around.Line < line && line <= around.Last {
				f, ok = around, true
			}
		}
	}
	if !ok {
		return
	}
	if v.folded == nil {
		v.folded = map[string]bool{}
	}
	if v.folded[f.String()] {
		delete(v.folded, f.String())
	} else {
		v.folded[f.String()] = true
	}
	v.arrange()
	v.Go(f.Line)
}

// FoldAll hides all but the outermost fields, or shows everything.
func (v *View) FoldAll() {
	if v.text == nil {
		return
	}
	line, any := v.line(), len(v.folded) > 0
	v.folded = map[string]bool{}
	for _, f := range v.text.fields {
		if !any && f.Last > f.Line && len(f.Path) == 1 {
			v.folded[f.String()] = true
		}
	}
	v.arrange()
	v.Go(line)
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) {
	v.list.Move(by, len(v.rows))
	v.list.Clamp(len(v.rows), v.h)
}

// Page moves by screens, Top and End go to the ends.
func (v *View) Page(by int) { v.Scroll(by * max(1, v.h-1)) }

// Top goes to the first line.
func (v *View) Top() { v.Scroll(-len(v.rows)) }

// End goes to the last line.
func (v *View) End() { v.Scroll(len(v.rows)) }

// Sideways moves the view of long lines.
func (v *View) Sideways(by int) { v.left = max(0, v.left+by) }

// Click goes to a row that is seen.
func (v *View) Click(y int) {
	if row := v.list.Offset + y; y >= 0 && row < len(v.rows) {
		v.Scroll(row - v.list.Cursor)
	}
}

// Position says what is in view, for a scroll bar.
func (v *View) Position() *widget.Scroll {
	return &widget.Scroll{Offset: v.list.Offset, Visible: v.h, Total: len(v.rows)}
}

// View draws what is in view.
func (v *View) View(t *theme.Theme) string {
	var lines []string
	to := min(len(v.rows), v.list.Offset+v.h)
	for i := v.list.Offset; i < to; i++ {
		lines = append(lines, v.row(t, i))
	}
	return widget.Block(lines, v.w, v.h, t.Icons.Ellipsis)
}

func (v *View) row(t *theme.Theme, i int) string {
	line := v.rows[i]
	selected := i == v.list.Cursor
	hidden := ""
	if f, ok := v.text.block(line); ok && v.folded[f.String()] {
		hidden = fmt.Sprintf(" %s %s", t.Icons.Ellipsis, widget.Plural(f.Last-f.Line, "line", "lines"))
	}
	if selected {
		text := ansi.TruncateLeft(v.text.lines[line], v.left, "") + hidden
		return t.Selected.Render(widget.Fit(t.Icons.Cursor+" "+text, v.w, t.Icons.Ellipsis))
	}
	var b strings.Builder
	for _, p := range v.text.pieces[line] {
		if p.tone == theme.Plain {
			b.WriteString(t.Text.Render(p.text))
		} else {
			b.WriteString(t.Tone(p.tone).Render(p.text))
		}
	}
	text := b.String()
	if v.left > 0 {
		text = ansi.TruncateLeft(text, v.left, "")
	}
	return "  " + text + t.Tone(theme.Muted).Render(hidden)
}
