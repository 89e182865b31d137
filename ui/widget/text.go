// Package widget has the small parts that panes are drawn with. All of them are
// functions from values to text of an exact width.
package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Fit makes s exactly w cells wide: cut with tail, or filled with spaces.
func Fit(s string, w int, tail string) string {
	if w <= 0 {
		return ""
	}
	n := Width(s)
	if n > w {
		s = ansi.Truncate(s, w, tail)
		n = Width(s)
	}
	if n < w {
		s += strings.Repeat(" ", w-n)
	}
	return s
}

// FitRight is Fit with the text at the right.
func FitRight(s string, w int, tail string) string {
	n := Width(s)
	if n >= w {
		return Fit(s, w, tail)
	}
	return strings.Repeat(" ", w-n) + s
}

// Middle makes s at most w cells wide, by leaving out its middle: the ends of a
// pod's name tell more than its middle.
func Middle(s string, w int, tail string) string {
	n := Width(s)
	if n <= w {
		return s
	}
	if w < 5 {
		return ansi.Truncate(s, max(0, w), tail)
	}
	right := (w - 1) / 2
	// Where it was cut before, one sign is enough.
	before := strings.TrimSuffix(ansi.Truncate(s, w-1-right, ""), tail)
	after := ansi.TruncateLeft(s, n-(w-1-Width(before)), "")
	return ansi.Truncate(before+tail+strings.TrimPrefix(after, tail), w, "")
}

// Spread puts left and right at the ends of a line of w cells; if both do not
// fit, left is cut.
func Spread(left, right string, w int, tail string) string {
	rw := Width(right)
	if rw >= w {
		return Fit(right, w, tail)
	}
	return Fit(left, w-rw, tail) + right
}

// Clean makes text that comes from elsewhere safe to draw: no escape sequences,
// no control characters, tabs as spaces.
func Clean(s string) string {
	s = ansi.Strip(s)
	if !strings.ContainsFunc(s, control) {
		return s
	}
	var b strings.Builder
	col := 0
	for _, r := range s {
		switch {
		case r == '\t':
			n := 8 - col%8
			b.WriteString(strings.Repeat(" ", n))
			col += n
			continue
		case r == '\n':
			col = -1
		case control(r):
			continue
		}
		b.WriteRune(r)
		col++
	}
	return b.String()
}

func control(r rune) bool {
	return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029')
}

// Lines cuts text in lines of at most w cells, breaking at spaces where it can.
// It does not break after the hyphen that begins an option of a command.
func Lines(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	const hyphen = "\u2011" // a hyphen at which nothing breaks
	s = strings.NewReplacer(" --", " "+hyphen+hyphen, " -", " "+hyphen, "(-", "("+hyphen).Replace(s)
	wrapped := ansi.Wrap(s, w, "")
	return strings.Split(strings.ReplaceAll(wrapped, hyphen, "-"), "\n")
}

// Block makes lines a block of exactly w by h cells.
func Block(lines []string, w, h int, tail string) string {
	out := make([]string, h)
	for i := range out {
		if i < len(lines) {
			out[i] = Fit(lines[i], w, tail)
		} else {
			out[i] = strings.Repeat(" ", max(0, w))
		}
	}
	return strings.Join(out, "\n")
}

// Center puts a block in the middle of w by h cells, and each of its lines in the middle of
// it. What is larger stays as large as it is.
func Center(s string, w, h int) string {
	lines, widest := strings.Split(s, "\n"), 0
	for _, l := range lines {
		widest = max(widest, Width(l))
	}
	if w > widest {
		widest = w
		for i, l := range lines {
			room := w - Width(l)
			lines[i] = strings.Repeat(" ", room/2) + l + strings.Repeat(" ", room-room/2)
		}
	}
	room, air := max(0, h-len(lines)), strings.Repeat(" ", widest)
	return strings.Repeat(air+"\n", room/2) + strings.Join(lines, "\n") + strings.Repeat("\n"+air, room-room/2)
}

// Plural writes a number with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}

// Stack puts blocks below each other, in exactly w by h cells.
func Stack(w, h int, blocks ...string) string {
	lines := make([]string, 0, h)
	for _, b := range blocks {
		lines = append(lines, strings.Split(b, "\n")...)
	}
	return Block(lines, w, h, "")
}
