package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells s takes. Escape sequences take none.
//
// It is ansi.StringWidth, without looking for clusters of runes in what has none: nearly
// all that is drawn is ASCII, styled, and signs of one cell.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= ' ' && c <= '~':
			n++
			i++
		case c == '\x1b' && i+1 < len(s) && s[i+1] == '[':
			end := styleEnd(s, i+2)
			if end < 0 {
				return ansi.StringWidth(s)
			}
			i = end
		case c == 0xe2 && i+2 < len(s) && narrow(s[i+1], s[i+2]):
			n++
			i += 3
		case c == 0xc2 && i+1 < len(s) && s[i+1] == 0xb7: // the middle dot
			n++
			i += 2
		case c == '\n':
			i++
		default:
			return ansi.StringWidth(s)
		}
	}
	return n
}

// styleEnd is where a sequence that sets a style ends, whose parameters begin at i; -1 if it is something else.
func styleEnd(s string, i int) int {
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= ';':
		case c == 'm':
			return i + 1
		default:
			return -1
		}
	}
	return -1
}

// narrow reports whether the rune that UTF-8 writes as e2, b, c takes one cell, if what
// comes next is also known here: lines, blocks and shapes, braille, arrows, signs of
// mathematics, dashes and dots, and two signs more.
func narrow(b, c byte) bool {
	if c < 0x80 || c > 0xbf {
		return false
	}
	switch {
	case b >= 0x94 && b <= 0x96, b >= 0xa0 && b <= 0xa3, b >= 0x86 && b <= 0x8b: // U+2500, U+2800, U+2190
		return true
	case b == 0x97: // U+25C0 to U+25FC; two squares after that are wide
		return c <= 0xbc
	case b == 0x80: // U+2010 to U+2026
		return c >= 0x90 && c <= 0xa6
	case b == 0x9c: // check mark, cross
		return c == 0x93 || c == 0x97
	}
	return false
}

// Beside puts blocks of the same height side by side. The lines of a block are all of its
// width.
func Beside(blocks ...string) string {
	if len(blocks) == 1 {
		return blocks[0]
	}
	columns, room := make([][]string, len(blocks)), 0
	for i, b := range blocks {
		columns[i] = strings.Split(b, "\n")
		room += len(b)
	}
	var out strings.Builder
	out.Grow(room)
	for y := range columns[0] {
		if y > 0 {
			out.WriteByte('\n')
		}
		for _, c := range columns {
			if y < len(c) {
				out.WriteString(c[y])
			}
		}
	}
	return out.String()
}
