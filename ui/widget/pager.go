package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Pager shows a part of a long text. It keeps a bounded number of lines, and
// can stay at the end of text that grows.
type Pager struct {
	// Keep is how many lines are kept; 0 is all.
	Keep int
	// Wrap breaks long lines; without it they are cut, and Left scrolls sideways.
	Wrap bool
	// Whole says of lines that are never broken, such as the rows of a table.
	Whole func(line string) bool
	// Follow stays at the end.
	Follow bool
	// Gone counts the lines that were not kept.
	Gone int

	lines  []string
	offset int
	left   int
	w, h   int
	// find is what is searched for.
	find string
	// wrapped is lines as shown at width w, from which starts tells where each begins.
	wrapped []string
}

// SetSize tells the room there is.
func (p *Pager) SetSize(w, h int) {
	if w == p.w && h == p.h {
		return
	}
	again := w != p.w && p.Wrap
	p.w, p.h = w, h
	if again {
		p.rewrap()
	}
	p.clamp()
}

// SetWrap turns the breaking of long lines on or off.
func (p *Pager) SetWrap(on bool) {
	p.Wrap, p.left = on, 0
	p.rewrap()
	p.clamp()
}

// Set replaces the text and keeps the place in it.
func (p *Pager) Set(lines []string) {
	p.lines, p.Gone = lines, 0
	p.trim()
	p.rewrap()
	p.clamp()
}

// Append adds lines at the end.
func (p *Pager) Append(lines ...string) {
	p.lines = append(p.lines, lines...)
	before := p.Gone
	p.trim()
	if p.Gone != before {
		p.rewrap()
		if !p.Follow {
			p.offset -= p.Gone - before
		}
	} else if p.Wrap {
		p.wrapped = append(p.wrapped, p.wrap(lines)...)
	} else {
		p.wrapped = p.lines
	}
	p.clamp()
}

// trim forgets the oldest lines; a quarter more than needed, so that it does so seldom.
func (p *Pager) trim() {
	if p.Keep <= 0 || len(p.lines) <= p.Keep {
		return
	}
	cut := len(p.lines) - p.Keep + p.Keep/4
	p.Gone += cut
	p.lines = append([]string(nil), p.lines[cut:]...)
}

func (p *Pager) rewrap() {
	if !p.Wrap || p.w <= 0 {
		p.wrapped = p.lines
		return
	}
	p.wrapped = p.wrap(p.lines)
}

func (p *Pager) wrap(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		if Width(l) <= p.w || p.w <= 0 || p.Whole != nil && p.Whole(l) {
			out = append(out, l)
			continue
		}
		out = append(out, strings.Split(ansi.Hardwrap(l, p.w, true), "\n")...)
	}
	return out
}

func (p *Pager) last() int { return max(0, len(p.wrapped)-p.h) }

func (p *Pager) clamp() {
	if p.Follow {
		p.offset = p.last()
	}
	p.offset = max(0, min(p.offset, p.last()))
}

// Scroll moves by lines. Going up ends Follow, arriving at the end does not begin it.
func (p *Pager) Scroll(by int) {
	if by < 0 {
		p.Follow = false
	}
	p.offset += by
	p.clamp()
}

// Page moves by screens.
func (p *Pager) Page(by int) { p.Scroll(by * max(1, p.h-1)) }

// Top and End go to the ends.
func (p *Pager) Top() { p.Scroll(-len(p.wrapped)) }

// End goes to the last line.
func (p *Pager) End() { p.Scroll(len(p.wrapped)) }

// Sideways moves the view of cut lines.
func (p *Pager) Sideways(by int) {
	if !p.Wrap || p.Whole != nil {
		p.left = max(0, p.left+by)
	}
}

// AtEnd reports whether the last line is in view.
func (p *Pager) AtEnd() bool { return p.offset >= p.last() }

// Len is the number of lines.
func (p *Pager) Len() int { return len(p.lines) }

// Bottom is the lowest line in view, or above it, that is wanted: as a whole and without
// styles.
func (p *Pager) Bottom(wanted func(line string) bool) string {
	row, at := len(p.wrapped), min(p.offset+p.h, len(p.wrapped))-1
	for i := len(p.lines) - 1; i >= 0; i-- {
		n := 1
		if p.Wrap && p.w > 0 {
			n = len(p.wrap(p.lines[i : i+1]))
		}
		line := ansi.Strip(p.lines[i])
		if row -= n; row <= at && wanted(line) {
			return line
		}
	}
	return ""
}

// Text is the whole of what is kept, without styles.
func (p *Pager) Text() string { return ansi.Strip(strings.Join(p.lines, "\n")) }

// Position says what is in view, for a scroll bar.
func (p *Pager) Position() *Scroll {
	return &Scroll{Offset: p.offset, Visible: p.h, Total: len(p.wrapped)}
}

// View is what is in view.
func (p *Pager) View(ellipsis string) string {
	to := min(len(p.wrapped), p.offset+p.h)
	lines := p.wrapped[min(p.offset, to):to]
	if p.find != "" {
		marked := make([]string, len(lines))
		for i, l := range lines {
			marked[i] = mark(l, p.find)
		}
		lines = marked
	}
	if p.left > 0 {
		cut := make([]string, len(lines))
		for i, l := range lines {
			cut[i] = ansi.TruncateLeft(l, p.left, "")
		}
		lines = cut
	}
	return Block(lines, p.w, p.h, ellipsis)
}
