// Package theme holds every colour and sign of the app, under names that say
// what they mean. Nothing depends on colour alone: states have a word or a
// shape first, and selection is reverse video.
//
// Colours are full; the renderer brings them down to what the terminal shows,
// and leaves them out where NO_COLOR is set.
package theme

import (
	"image/color"

	"charm.land/lipgloss/v2"
)

// Names of the themes.
const (
	Auto         = "auto"
	Dark         = "dark"
	Light        = "light"
	HighContrast = "high-contrast"
	// Terminal has the sixteen colours of the terminal's own palette, and no others.
	Terminal = "terminal"
)

// Names lists the themes that can be asked for.
func Names() []string { return []string{Auto, Dark, Light, HighContrast, Terminal} }

// palette is all that one theme differs in from another.
type palette struct {
	text, muted, faint, accent  string
	border, title               string
	ok, busy, warn, bad         string
	waterTop, waterDeep, bubble string
	surface                     string // behind dialogs
	backdrop                    string // behind all, where the terminal's own does not fit
}

func palettes() map[string]palette {
	return map[string]palette{
		Dark: {
			text: "#dbe7ee", muted: "#8fa9b8", faint: "#587080", accent: "#67c8e8",
			border: "#34505f", title: "#dbe7ee",
			ok: "#7bd8a6", busy: "#a9b8ff", warn: "#f2c96d", bad: "#ff8f85",
			waterTop: "#123a52", waterDeep: "#081c2c", bubble: "#3f86a8",
			surface: "#0e2230", backdrop: "#0a1219",
		},
		Light: {
			text: "#16262f", muted: "#4a606c", faint: "#8799a3", accent: "#00688c",
			border: "#a9bcc7", title: "#16262f",
			ok: "#12703f", busy: "#4247b8", warn: "#7d5200", bad: "#b1211a",
			waterTop: "#e2f3fb", waterDeep: "#c0e2f2", bubble: "#5aa6c6",
			surface: "#f2f8fb", backdrop: "#fcfeff",
		},
		HighContrast: {
			text: "#ffffff", muted: "#ffffff", faint: "#d0d0d0", accent: "#00ffff",
			border: "#ffffff", title: "#ffffff",
			ok: "#00ff5f", busy: "#b8b8ff", warn: "#ffff00", bad: "#ff8080",
			waterTop: "#000000", waterDeep: "#000000", bubble: "#ffffff",
			surface: "#000000", backdrop: "#000000",
		},
		// Numbers of the palette; "" is the terminal's own text and background.
		Terminal: {
			text: "", muted: "", faint: "8", accent: "6",
			border: "8", title: "",
			ok: "2", busy: "5", warn: "3", bad: "1",
			bubble: "6",
		},
	}
}

// Tone is what a piece of text means.
type Tone int

// The tones, from none to alarming.
const (
	Plain Tone = iota
	Muted
	Faint
	Accent
	OK
	Busy
	Warn
	Bad
)

// Theme is the look of the app.
type Theme struct {
	// Name is Dark, Light, HighContrast, Terminal, or that of a theme of the user's own.
	Name string
	// IsDark says what the theme is made for.
	IsDark bool
	// Icons are the signs to draw with.
	Icons Icons
	// Fine says that the terminal has all colours: those that lie close to each
	// other, such as the water's, are left out where it has not.
	Fine bool
	// Surface is what dialogs stand on; nil is the terminal's own background.
	Surface color.Color
	// Backdrop and Ink are the background and the text that the theme is made for.
	Backdrop, Ink color.Color

	Text, Bold, Title, Key  Ink
	Border, BorderFocus     Ink
	Selected, SelectedUnder Ink
	Heading, HeadingBold    Ink
	Brand, Prompt           Ink
	Banner                  Ink
	tones                   [Bad + 1]Ink
	fine                    bool
	waterTop, waterDeep     color.Color
	bubble                  color.Color
}

// New makes a theme by name; an unknown name or "auto" is dark or light as isDark
// says. ascii keeps to signs of the ASCII range.
func New(name string, isDark, ascii bool) *Theme {
	p, ok := palettes()[name]
	if !ok {
		name = Light
		if isDark {
			name = Dark
		}
		p = palettes()[name]
	}
	return p.theme(name, name, isDark, ascii)
}

// theme is the look in these colours. base is the theme that they were made from.
func (p palette) theme(name, base string, isDark, ascii bool) *Theme {
	c := lipgloss.Color
	fg := func(s string) Ink { return NewInk(lipgloss.NewStyle().Foreground(c(s))) }

	t := &Theme{
		Name:        name,
		IsDark:      base != Light && (base != Terminal || isDark),
		Icons:       icons(ascii),
		Surface:     c(p.surface),
		Text:        fg(p.text),
		Bold:        fg(p.text).Bold(),
		Title:       fg(p.title).Bold(),
		Key:         fg(p.accent).Bold(),
		Border:      fg(p.border),
		BorderFocus: fg(p.accent),
		Heading:     fg(p.muted),
		HeadingBold: fg(p.muted).Bold(),
		Brand:       fg(p.accent).Bold(),
		Prompt:      fg(p.accent).Bold(),
		Banner:      fg(p.bad).Bold().Reverse(),
		Selected:    NewInk(lipgloss.NewStyle().Reverse(true)),
		// The selection of a pane without the focus is still to be found.
		SelectedUnder: fg(p.text).Bold(),
		Fine:          base != HighContrast && base != Terminal,
		waterTop:      c(p.waterTop),
		waterDeep:     c(p.waterDeep),
		bubble:        c(p.bubble),
	}
	t.tones = [...]Ink{
		Plain: fg(p.text), Muted: fg(p.muted), Faint: fg(p.faint), Accent: fg(p.accent),
		OK: fg(p.ok), Busy: fg(p.busy), Warn: fg(p.warn), Bad: fg(p.bad),
	}
	t.Backdrop, t.Ink = c(p.backdrop), c(p.text)
	return t
}

// Tone is the ink of text that means that.
func (t *Theme) Tone(tone Tone) Ink { return t.tones[tone] }

// Water is the colour behind line i of n lines of water: lighter at the top.
func (t *Theme) Water(i, n int) color.Color {
	if !t.Fine {
		return lipgloss.NoColor{}
	}
	if n <= 1 {
		return t.waterTop
	}
	f := float64(i) / float64(n-1)
	return mix(t.waterTop, t.waterDeep, f)
}

// Bubble is the colour of the water's surface.
func (t *Theme) Bubble() color.Color { return t.bubble }

func mix(a, b color.Color, f float64) color.Color {
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	one := func(x, y uint32) uint8 {
		return uint8((float64(x)*(1-f) + float64(y)*f) / 257)
	}
	return color.RGBA{R: one(ar, br), G: one(ag, bg), B: one(ab, bb), A: 255}
}
