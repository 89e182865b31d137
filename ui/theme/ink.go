package theme

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
)

// Ink is a style of colours and attributes that is ready to be written: what comes before a
// text, and what after it. lipgloss works that out anew for each text, which was most of the
// time of a frame with tables.
type Ink struct {
	// style is what it was made of, back what lies behind that; nil is nothing.
	style, back   *lipgloss.Style
	before, after string
	// plain says that a text stands in one piece between the two. Underlined text does not:
	// lipgloss writes it letter by letter.
	plain bool
}

// NewInk works out a style.
func NewInk(s lipgloss.Style) Ink {
	i := Ink{style: &s}
	const short, long = "x", "x y"
	before, after, found := strings.Cut(s.Render(long), long)
	if found && s.Render(short) == before+short+after {
		i.before, i.after, i.plain = before, after, true
	}
	return i
}

// Render writes a text.
func (i Ink) Render(text string) string {
	if text == "" || !i.plain || strings.ContainsAny(text, "\t\r\n") {
		return i.Style().Render(text)
	}
	return i.before + text + i.after
}

// Style is the ink as lipgloss has it.
func (i Ink) Style() lipgloss.Style {
	s := lipgloss.NewStyle()
	if i.style != nil {
		s = *i.style
	}
	if i.back != nil {
		s = s.Inherit(*i.back)
	}
	return s
}

// Bold, Underline and Reverse are the ink with that attribute.
func (i Ink) Bold() Ink      { return NewInk(i.Style().Bold(true)) }
func (i Ink) Underline() Ink { return NewInk(i.Style().Underline(true)) }
func (i Ink) Reverse() Ink   { return NewInk(i.Style().Reverse(true)) }

// Back is a background.
func Back(c color.Color) Ink { return NewInk(lipgloss.NewStyle().Background(c)) }

// On is an ink without a background on one: the parameters of both in one sequence.
func (i Ink) On(back Ink) Ink {
	if !i.plain || !back.plain {
		return NewInk(i.Style().Inherit(back.Style()))
	}
	i.back = back.style
	switch {
	case i.before == "":
		i.before, i.after = back.before, back.after
	case back.before != "":
		i.before = strings.TrimSuffix(i.before, "m") + ";" + strings.TrimPrefix(back.before, "\x1b[")
	}
	return i
}

// Colour is that of the letters.
func (i Ink) Colour() color.Color { return i.Style().GetForeground() }
