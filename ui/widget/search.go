package widget

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// has reports whether a line has a text, in small or large letters.
func has(line, text string) bool {
	return strings.Contains(strings.ToLower(ansi.Strip(line)), text)
}

// mark shows where a line has a text, by reverse video.
func mark(line, text string) string {
	if !has(line, text) {
		return line
	}
	plain := ansi.Strip(line)
	lower := strings.ToLower(plain)
	if len(lower) != len(plain) {
		return line // letters whose small form has another length
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, text)
		if i < 0 {
			return b.String() + plain
		}
		b.WriteString(plain[:i] + lipgloss.NewStyle().Reverse(true).Render(plain[i:i+len(text)]))
		plain, lower = plain[i+len(text):], lower[i+len(text):]
	}
}

// Search marks the lines that have a text, goes to the nearest one, and tells how many
// there are. An empty text ends it.
func (p *Pager) Search(text string) int {
	p.find = strings.ToLower(text)
	found := 0
	for _, l := range p.wrapped {
		if p.find != "" && has(l, p.find) {
			found++
		}
	}
	if found > 0 {
		p.Match(0)
	}
	return found
}

// Match goes to the next line that has what is searched for, or back; 0 is the nearest one.
// At an end it begins at the other.
func (p *Pager) Match(by int) {
	n, step := len(p.wrapped), 1
	if by < 0 {
		step = -1
	}
	for i := range n {
		at := ((p.offset+by+step*i)%n + n) % n
		if p.find != "" && has(p.wrapped[at], p.find) {
			p.Follow = false
			p.Scroll(at - p.offset)
			return
		}
	}
}
