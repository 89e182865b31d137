// Package printable makes text of others fit to be printed.
package printable

import "strings"

// Line is a text on one line: a space for each control character.
func Line(s string) string { return Text(s, ' ') }

// Text has instead of each control character the given one: what users named must not steer
// the terminal.
func Text(s string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return instead
		}
		return r
	}, s)
}
