package theme

import (
	"image/color"
	"math"
	"reflect"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// TestTextIsReadable measures the contrast of every tone that carries meaning,
// on the theme's backdrop and in its water, as WCAG does.
func TestTextIsReadable(t *testing.T) {
	for _, name := range []string{Dark, Light, HighContrast} {
		theme := New(name, name != Light, false)
		backs := map[string]color.Color{"backdrop": theme.Backdrop, "surface": theme.Surface}
		if theme.Fine {
			backs["water's top"], backs["water's ground"] = theme.Water(0, 10), theme.Water(9, 10)
		}
		for tone := range map[Tone]bool{Plain: true, Muted: true, Accent: true, OK: true, Busy: true, Warn: true, Bad: true} {
			for where, back := range backs {
				if got := contrast(theme.Tone(tone).Colour(), back); got < 4.5 {
					t.Errorf("%s: tone %d on %s has contrast %.1f", name, tone, where, got)
				}
			}
		}
	}
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	one := func(v uint32) float64 {
		f := float64(v) / 0xffff
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*one(r) + 0.7152*one(g) + 0.0722*one(b)
}

// TestSigns checks that every sign is one cell wide, that the ASCII ones are
// ASCII, and that no two states of a pod look the same.
func TestSigns(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		icons := New(Dark, true, ascii).Icons
		v := reflect.ValueOf(icons)
		for i := range v.NumField() {
			s, ok := v.Field(i).Interface().(string)
			if !ok || s == "" || v.Type().Field(i).Name == "Arrow" {
				continue
			}
			if ansi.StringWidth(s) != 1 || ascii && s[0] > 126 {
				t.Errorf("%s is %q", v.Type().Field(i).Name, s)
			}
		}
		seen := map[string]bool{}
		for _, s := range []string{
			icons.Running, icons.NotReady, icons.Pending, icons.Creating, icons.Failing,
			icons.Completed, icons.Terminating, icons.Unknown, icons.Stopped, icons.Frozen,
		} {
			if seen[s] {
				t.Errorf("two states are %q", s)
			}
			seen[s] = true
		}
	}
}

func TestAutoFollowsTheTerminal(t *testing.T) {
	if New(Auto, true, false).Name != Dark || New("", false, false).Name != Light || New("no such", true, false).Name != Dark {
		t.Error("auto is not what the terminal is")
	}
}

func TestWaterNeedsFineColours(t *testing.T) {
	theme := New(Dark, true, false)
	theme.Fine = false
	if _, none := theme.Water(1, 3).(lipgloss.NoColor); !none {
		t.Error("there is water in a terminal of few colours")
	}
}

// TestTerminalHasItsOwnColours checks that this theme names colours of the palette only,
// and makes the terminal's background its own.
func TestTerminalHasItsOwnColours(t *testing.T) {
	for _, dark := range []bool{true, false} {
		theme := New(Terminal, dark, false)
		if theme.IsDark != dark || theme.Fine {
			t.Errorf("dark %v: it is %v, fine %v", dark, theme.IsDark, theme.Fine)
		}
		for tone := Plain; tone <= Bad; tone++ {
			switch c := theme.Tone(tone).Colour().(type) {
			case ansi.BasicColor, lipgloss.NoColor:
			default:
				t.Errorf("tone %d is %T", tone, c)
			}
		}
	}
}
