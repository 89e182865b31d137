package widget

import (
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Box is a frame with words in its upper and lower edge.
type Box struct {
	Border lipgloss.Border
	// Style draws the frame.
	Style theme.Ink
	// Title and Right stand in the upper edge, Foot in the lower one at its right.
	// They may be styled.
	Title, Right, Foot string
	Ellipsis           string
	// Scroll marks what part of a longer content is shown, in the right edge.
	Scroll *Scroll
	Thumb  string
}

// Scroll says which lines of how many are in view.
type Scroll struct {
	Offset, Visible, Total int
}

// Draw frames content, which is fitted into w by h cells less the frame.
func (b Box) Draw(content string, w, h int) string {
	if w < 2 || h < 2 {
		return Block(nil, w, h, "")
	}
	inner := w - 2
	from, to := b.thumb(h - 2)
	left, right, thumb := b.Style.Render(b.Border.Left), b.Style.Render(b.Border.Right), b.Style.Render(b.Thumb)
	top := b.edge(b.Border.TopLeft, b.Border.Top, b.Border.TopRight, b.Title, b.Right, w)
	foot := b.edge(b.Border.BottomLeft, b.Border.Bottom, b.Border.BottomRight, "", b.Foot, w)
	var out strings.Builder
	out.Grow(len(top) + len(content) + h*(len(left)+max(len(right), len(thumb))+1) + len(foot))
	out.WriteString(top)
	for i := range h - 2 {
		line, rest, _ := strings.Cut(content, "\n")
		content = rest
		edge := right
		if i >= from && i < to {
			edge = thumb
		}
		out.WriteByte('\n')
		out.WriteString(left)
		out.WriteString(Fit(line, inner, b.Ellipsis))
		out.WriteString(edge)
	}
	out.WriteByte('\n')
	out.WriteString(foot)
	return out.String()
}

// edge draws an upper or lower edge with words in it: the left ones win.
func (b Box) edge(left, line, right, title, end string, w int) string {
	room := w - 4
	if title != "" && room > 4 {
		title = " " + ansi.Truncate(title, room-2, b.Ellipsis) + " "
	} else {
		title = ""
	}
	room -= Width(title)
	if n := Width(end); n > 0 && n+2 <= room-1 {
		end = " " + end + " "
	} else {
		end = ""
	}
	fill := w - 4 - Width(title) - Width(end)
	return b.Style.Render(left+line) + title + b.Style.Render(strings.Repeat(line, max(0, fill))) +
		end + b.Style.Render(line+right)
}

// thumb is the rows of the right edge that the scroll bar's thumb covers.
func (b Box) thumb(rows int) (from, to int) {
	s := b.Scroll
	if s == nil || s.Total <= s.Visible || rows <= 0 || b.Thumb == "" {
		return 0, 0
	}
	size := max(1, rows*s.Visible/s.Total)
	last := s.Total - s.Visible
	from = (rows - size) * min(s.Offset, last) / last
	return from, from + size
}

// Bar is a gauge of w cells, of which the share from 0 to 1 is full. Anything
// above nothing shows.
func Bar(share float64, w int, full, empty string, on, off theme.Ink) string {
	n := int(share*float64(w) + 0.5)
	if share > 0 && n == 0 {
		n = 1
	}
	n = max(0, min(n, w))
	return on.Render(strings.Repeat(full, n)) + off.Render(strings.Repeat(empty, w-n))
}
