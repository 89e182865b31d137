package lesson

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

// body is laid-out text with its marks.
type body struct {
	lines []string
	marks map[mark]int
}

func (b *body) add(lines ...string) { b.lines = append(b.lines, lines...) }

func (b *body) mark(m mark) {
	if b.marks == nil {
		b.marks = map[mark]int{}
	}
	b.marks[m] = len(b.lines)
}
