package lesson

import (
	"fmt"
	"image/color"
	"regexp"
	"strconv"
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

// render lays out block by block: list items are set as paragraphs of their
// own under a hanging bullet, which the renderer itself cannot do.
func (p *prose) render(text string, width int) []string {
	var lines []string
	inList := false
	for _, b := range blocks(widget.Clean(text)) {
		item := b.bullet != ""
		if len(lines) > 0 && !(item && inList) {
			lines = append(lines, "")
		}
		inList = item
		bullet, pad := "", 0
		if item {
			bullet = p.bullet(b.bullet) + " "
			pad = xansi.StringWidth(bullet)
		}
		for i, line := range p.block(b.text, max(1, width-pad)) {
			if i > 0 {
				bullet = strings.Repeat(" ", pad)
			}
			lines = append(lines, bullet+line)
		}
	}
	return lines
}

// block renders one block of Markdown.
func (p *prose) block(text string, width int) []string {
	if strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~") {
		return p.code(text, width)
	}
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
	return strings.Split(xansi.Hardwrap(trimBlank(out), width, true), "\n")
}

// code sets a fenced block. What is too long goes on in the next line: a
// command that is cut off could not be read.
func (p *prose) code(text string, width int) []string {
	source := strings.Split(text, "\n")
	var lines []string
	for _, line := range source[1:max(1, len(source)-1)] {
		for i, piece := range atSpaces(line, max(1, width-4)) {
			indent := "  "
			if i > 0 {
				indent = "    "
			}
			lines = append(lines, p.theme.Tone(theme.Accent).Render(indent+piece))
		}
	}
	return lines
}

// atSpaces wraps at spaces only, not within --flag=value, unless a word alone
// is too long.
func atSpaces(line string, width int) []string {
	var lines []string
	for xansi.StringWidth(line) > width {
		cut := strings.LastIndexByte(xansi.Truncate(line, width+1, ""), ' ')
		if cut <= 0 || strings.TrimSpace(line[:cut]) == "" {
			cut = len(xansi.Truncate(line, width, ""))
			if cut == 0 {
				break
			}
			lines, line = append(lines, line[:cut]), line[cut:]
			continue
		}
		lines, line = append(lines, line[:cut]), line[cut+1:]
	}
	return append(lines, line)
}

func (p *prose) bullet(source string) string {
	switch {
	case source != "-" && source != "*":
		return source
	case p.theme.Icons.ASCII:
		return "*"
	}
	return "•"
}

// trimBlank drops the blank lines around a block, which may hold escapes.
func trimBlank(s string) string {
	lines := strings.Split(s, "\n")
	blank := func(line string) bool { return strings.TrimSpace(xansi.Strip(line)) == "" }
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

// markdown is one block: a paragraph, a heading, code, or a list's item.
type markdown struct {
	text   string
	bullet string
}

// blocks cuts Markdown apart, and joins the lines of a paragraph.
func blocks(text string) []markdown {
	item := regexp.MustCompile(`^\s*([-*]|\d+\.) +(.*)$`)
	var all []markdown
	var now []string
	bullet, fence := "", ""
	flush := func() {
		if len(now) > 0 {
			separator := " "
			if fence != "" {
				separator = "\n"
			}
			all = append(all, markdown{strings.Join(now, separator), bullet})
		}
		now, bullet = nil, ""
	}
	for _, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		opens := strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")
		switch {
		case fence != "":
			now = append(now, line)
			if strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, fence[:1]) == "" {
				flush()
				fence = ""
			}
		case opens:
			flush()
			fence = trimmed[:3]
			now = append(now, line)
		case trimmed == "":
			flush()
		case strings.HasPrefix(trimmed, "|"):
			flush()
			all = row(all, trimmed)
		case item.MatchString(line):
			flush()
			m := item.FindStringSubmatch(line)
			bullet = m[1]
			now = append(now, m[2])
		case strings.HasPrefix(trimmed, "#"):
			flush()
			now = append(now, trimmed)
			flush()
		default:
			now = append(now, trimmed)
		}
	}
	flush()
	return all
}

// row adds a row of a table. The panel is too narrow for columns: each row is an item, "first:
// second; third", below a line with the headings.
func row(all []markdown, line string) []markdown {
	if strings.Trim(line, "|-: ") == "" {
		// The row above it was the headings.
		if n := len(all); n > 0 && all[n-1].bullet != "" {
			all[n-1] = markdown{text: "*" + strings.ReplaceAll(all[n-1].text, "**", "") + "*"}
		}
		return all
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	text := "**" + cells[0] + "**"
	if len(cells) > 1 {
		text += ": " + strings.Join(cells[1:], "; ")
	}
	return append(all, markdown{text: text, bullet: "-"})
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
	}
}

// hex writes a style's colour as Markdown styles want it.
func hex(s theme.Ink) *string {
	c := s.Colour()
	if _, none := c.(lipgloss.NoColor); c == nil || none {
		return nil
	}
	if basic, ok := c.(xansi.BasicColor); ok {
		number := strconv.Itoa(int(basic))
		return &number
	}
	rgba := color.RGBAModel.Convert(c).(color.RGBA)
	text := fmt.Sprintf("#%02x%02x%02x", rgba.R, rgba.G, rgba.B)
	return &text
}
