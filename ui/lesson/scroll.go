package lesson

import tea "charm.land/bubbletea/v2"

// mark names a place in a lesson's text to scroll to.
type mark int

const (
	markNone mark = iota
	markDone
	markHint
	markShown
	markAnswer
)

// scroller knows which part of the text is seen. View tells it the sizes.
type scroller struct {
	offset, lines, height int
	goal                  mark
}

func (s *scroller) by(n int)   { s.offset += n; s.goal = markNone; s.clamp() }
func (s *scroller) page(n int) { s.by(n * max(1, s.height-2)) }
func (s *scroller) top()       { s.offset, s.goal = 0, markNone }
func (s *scroller) bottom()    { s.by(s.lines) }
func (s *scroller) to(m mark)  { s.goal = m }

func (s *scroller) clamp() { s.offset = max(0, min(s.offset, s.lines-s.height)) }

// fit takes the sizes of the text just laid out, goes to the mark that is
// wanted, and returns the lines that are seen.
func (s *scroller) fit(text body, height int) []string {
	s.lines, s.height = len(text.lines), height
	if at, ok := text.marks[s.goal]; ok {
		s.offset, s.goal = at, markNone
	}
	s.clamp()
	return text.lines[s.offset:min(len(text.lines), s.offset+height)]
}

// body is laid-out text with its marks, and what a click does in its lines.
type body struct {
	lines  []string
	marks  map[mark]int
	clicks clicks
}

// clicks are what a click does, by line.
type clicks map[int]func() tea.Cmd

// seen takes over those of a text of which rows lines are seen from the first on, at a line.
func (c clicks) seen(of clicks, first, rows, at int) {
	for line, do := range of {
		if y := line - first; y >= 0 && y < rows {
			c[at+y] = do
		}
	}
}

// link adds lines in which a click does something.
func (b *body) link(do func() tea.Cmd, lines ...string) {
	if b.clicks == nil {
		b.clicks = clicks{}
	}
	for i := range lines {
		b.clicks[len(b.lines)+i] = do
	}
	b.add(lines...)
}

func (b *body) add(lines ...string) { b.lines = append(b.lines, lines...) }

func (b *body) mark(m mark) {
	if b.marks == nil {
		b.marks = map[mark]int{}
	}
	b.marks[m] = len(b.lines)
}
