package theme

import (
	"image/color"
	"testing"

	"charm.land/lipgloss/v2"
)

// inks are all that a theme writes with.
func inks(t *Theme) []Ink {
	list := []Ink{
		{}, t.Text, t.Bold, t.Title, t.Key, t.Border, t.BorderFocus, t.Selected, t.SelectedUnder,
		t.Heading, t.HeadingBold, t.Brand, t.Prompt, t.Banner,
	}
	return append(list, t.tones[:]...)
}

// TestInkWritesWhatLipglossDoes compares what was worked out once with what lipgloss works
// out for each text.
func TestInkWritesWhatLipglossDoes(t *testing.T) {
	texts := []string{"", "a", "two words", " air ", "日本", "two\nlines", "a\ttab", "\r\n", "\x1b[1mbold\x1b[m"}
	for _, name := range Names() {
		theme := New(name, true, false)
		backs := []color.Color{theme.Water(0, 3), theme.Water(2, 3), lipgloss.NoColor{}, lipgloss.Color("4")}
		for n, ink := range inks(theme) {
			s := ink.Style()
			for _, c := range []struct {
				what string
				ink  Ink
				want lipgloss.Style
			}{
				{"plain", ink, s},
				{"bold", ink.Bold(), s.Bold(true)},
				{"underlined", ink.Underline(), s.Underline(true)},
				{"reversed", ink.Reverse(), s.Reverse(true)},
			} {
				for _, text := range texts {
					if got, want := c.ink.Render(text), c.want.Render(text); got != want {
						t.Errorf("%s: ink %d, %s: %q is %q, not %q", name, n, c.what, text, got, want)
					}
					for _, back := range backs {
						if got, want := c.ink.On(Back(back)).Render(text), c.want.Inherit(lipgloss.NewStyle().Background(back)).Render(text); got != want {
							t.Errorf("%s: ink %d, %s, on %v: %q is %q, not %q", name, n, c.what, back, text, got, want)
						}
					}
				}
			}
		}
	}
}

// TestInkIsWorkedOutOnce checks that writing takes the text alone.
func TestInkIsWorkedOutOnce(t *testing.T) {
	theme := New(Dark, true, false)
	for n, ink := range inks(theme)[1:] {
		if got := testing.AllocsPerRun(100, func() { ink.Render("a pod's name") }); got > 1 {
			t.Errorf("ink %d takes %v allocations", n, got)
		}
	}
}
