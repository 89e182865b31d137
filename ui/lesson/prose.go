package lesson

import (
	"fmt"
	"image/color"
	"strings"

	"charm.land/glamour/v2"
	"charm.land/glamour/v2/ansi"
	"charm.land/lipgloss/v2"
	xansi "github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// prose renders Markdown, each text once per width.
type prose struct {
	theme     *theme.Theme
	renderers map[int]*glamour.TermRenderer
	rendered  map[proseKey][]string
}

type proseKey struct {
	text  string
	width int
}

// cacheSize bounds the cache; a step has three texts, and widths change while
// a window is resized.
const cacheSize = 60

func newProse(t *theme.Theme) *prose {
	return &prose{theme: t, renderers: map[int]*glamour.TermRenderer{}, rendered: map[proseKey][]string{}}
}

// lines returns the text in lines no wider than width.
func (p *prose) lines(text string, width int) []string {
	if strings.TrimSpace(text) == "" || width < 1 {
		return nil
	}
	key := proseKey{text, width}
	if lines, ok := p.rendered[key]; ok {
		return lines
	}
	if len(p.rendered) >= cacheSize {
		clear(p.rendered)
		clear(p.renderers)
	}
	lines := p.render(text, width)
	p.rendered[key] = lines
	return lines
}

func (p *prose) render(text string, width int) []string {
	text = widget.Clean(text)
	r, ok := p.renderers[width]
	if !ok {
		var err error
		r, err = glamour.NewTermRenderer(glamour.WithStyles(p.styles()), glamour.WithWordWrap(width))
		if err != nil {
			return widget.Lines(text, width)
		}
		p.renderers[width] = r
	}
	out, err := r.Render(text)
	if err != nil {
		return widget.Lines(text, width)
	}
	// Code is not wrapped by the renderer: a command that is cut off could not
	// be read, so it goes on in the next line.
	out = xansi.Hardwrap(strings.Trim(out, "\n"), width, true)
	return strings.Split(out, "\n")
}

// styles gives Markdown the app's colours.
func (p *prose) styles() ansi.StyleConfig {
	t := p.theme
	yes := true
	indent := uint(2)
	text := hex(t.Text)
	accent := hex(t.Tone(theme.Accent))
	muted := hex(t.Tone(theme.Muted))
	bold := ansi.StylePrimitive{Bold: &yes, Color: text}
	heading := ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Bold: &yes, Color: accent, BlockSuffix: "\n"}}
	bullet := "• "
	if t.Icons.ASCII {
		bullet = "* "
	}
	return ansi.StyleConfig{
		Document:  ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: text}},
		Paragraph: ansi.StyleBlock{},
		Heading:   heading,
		BlockQuote: ansi.StyleBlock{
			StylePrimitive: ansi.StylePrimitive{Color: muted}, Indent: &indent,
		},
		List:        ansi.StyleList{LevelIndent: 2},
		Item:        ansi.StylePrimitive{BlockPrefix: bullet},
		Enumeration: ansi.StylePrimitive{BlockPrefix: ". "},
		Emph:        ansi.StylePrimitive{Italic: &yes},
		Strong:      bold,
		Link:        ansi.StylePrimitive{Underline: &yes, Color: accent},
		LinkText:    bold,
		Code:        ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: accent}},
		CodeBlock: ansi.StyleCodeBlock{StyleBlock: ansi.StyleBlock{
			StylePrimitive: ansi.StylePrimitive{Color: accent}, Margin: &indent,
		}},
	}
}

// hex writes a style's colour as Markdown styles want it.
func hex(s lipgloss.Style) *string {
	c := s.GetForeground()
	if _, none := c.(lipgloss.NoColor); c == nil || none {
		return nil
	}
	rgba := color.RGBAModel.Convert(c).(color.RGBA)
	text := fmt.Sprintf("#%02x%02x%02x", rgba.R, rgba.G, rgba.B)
	return &text
}
