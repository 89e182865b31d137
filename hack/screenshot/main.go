// Command screenshot turns the text of a terminal's screen, with its escape
// sequences as "tmux capture-pane -e -p" gives them, into an SVG picture.
//
//	tmux capture-pane -e -p | go run ./hack/screenshot -w 120 -h 40 > screen.svg
//
// With -frames it makes one picture that moves of all such texts in a folder, in the order
// of their names; see hack/record.sh.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"html"
	"image/color"
	"io"
	"os"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// Sizes of a cell and of the window around the screen, in pixels.
const (
	cellW, cellH = 9.0, 19.0
	fontSize     = 15
	margin       = 16.0
	titleBar     = 30.0
)

func main() {
	w := flag.Int("w", 120, "columns")
	h := flag.Int("h", 40, "rows")
	title := flag.String("title", "kubarium", "the window's title")
	back := flag.String("background", "#0a1219", "the terminal's background")
	fore := flag.String("foreground", "#d0d8de", "the terminal's text")
	frames := flag.String("frames", "", "folder of screens, to be shown one after the other")
	every := flag.Duration("every", 2500*time.Millisecond, "how long each of them is shown")
	flag.Parse()
	if *frames != "" {
		err := film(os.Stdout, *frames, *every, *title, picture{w: *w, h: *h, back: lipgloss.Color(*back), fore: lipgloss.Color(*fore)})
		if err != nil {
			fmt.Fprintln(os.Stderr, "make the moving picture:", err)
			os.Exit(1)
		}
		return
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read the screen:", err)
		os.Exit(1)
	}
	screen := lipgloss.NewCanvas(*w, *h)
	screen.Compose(lipgloss.NewLayer(strings.TrimRight(string(text), "\n")))
	p := picture{screen: screen, w: *w, h: *h, back: lipgloss.Color(*back), fore: lipgloss.Color(*fore)}
	out := bufio.NewWriter(os.Stdout)
	p.draw(out, *title)
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "write the picture:", err)
		os.Exit(1)
	}
}

type picture struct {
	screen     *lipgloss.Canvas
	w, h       int
	back, fore color.Color
}

func (p picture) draw(out io.Writer, title string) {
	p.window(out, title)
	for y := range p.h {
		p.backgrounds(out, y)
	}
	for y := range p.h {
		p.lines(out, y)
		p.texts(out, y)
	}
	fmt.Fprintln(out, "</g>\n</svg>")
}

// window begins the picture: what is around the screen.
func (p picture) window(out io.Writer, title string) {
	width, height := float64(p.w)*cellW+2*margin, float64(p.h)*cellH+titleBar+margin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`+"\n", width, height, width, height)
	fmt.Fprintf(out, `<rect width="%.0f" height="%.0f" rx="9" fill="%s"/>`+"\n", width, height, hex(p.back))
	for i, c := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(out, `<circle cx="%d" cy="15" r="5.5" fill="%s"/>`+"\n", 20+18*i, c)
	}
	fmt.Fprintf(out, `<g font-family="'DejaVu Sans Mono','JetBrains Mono','Cascadia Mono',Menlo,Consolas,monospace" font-size="%d">`+"\n", fontSize)
	fmt.Fprintf(out, `<text x="%.0f" y="20" text-anchor="middle" font-size="13" fill="#7f8c96">%s</text>`+"\n", width/2, html.EscapeString(title))
}

// colours are a cell's text and background; the background is nil if it is the
// terminal's own.
func (p picture) colours(c *uv.Cell) (fg, bg color.Color) {
	fg, bg = c.Style.Fg, c.Style.Bg
	if fg == nil {
		fg = p.fore
	}
	if c.Style.Attrs&uv.AttrReverse != 0 {
		if bg == nil {
			bg = p.back
		}
		fg, bg = bg, fg
	}
	return fg, bg
}

// backgrounds draws the coloured stretches behind a line.
func (p picture) backgrounds(out io.Writer, y int) {
	for x := 0; x < p.w; {
		_, bg := p.colours(p.cell(x, y))
		n := 1
		for x+n < p.w {
			if _, next := p.colours(p.cell(x+n, y)); hex(next) != hex(bg) {
				break
			}
			n++
		}
		if bg != nil {
			fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n",
				margin+float64(x)*cellW, titleBar+float64(y)*cellH, float64(n)*cellW+0.4, cellH+0.4, hex(bg))
		}
		x += n
	}
}

// strokes are the lines of frames and bars as SVG has them, in a stretch from x, y of w by
// h pixels whose middle is at mx, my, and whether they are thick. They are drawn, because
// in most fonts their ends do not meet.
func strokes(content string, x, y, w, h float64) (path string, thick bool) {
	mx, my, right, bottom := x+w/2, y+h/2, x+w, y+h
	switch content {
	case "─", "━":
		return fmt.Sprintf("M%.1f %.1fH%.1f", x, my, right), content == "━"
	case "│", "┃":
		return fmt.Sprintf("M%.1f %.1fV%.1f", mx, y, bottom), content == "┃"
	case "╭":
		return fmt.Sprintf("M%.1f %.1fQ%.1f %.1f %.1f %.1f", mx, bottom, mx, my, right, my), false
	case "╮":
		return fmt.Sprintf("M%.1f %.1fQ%.1f %.1f %.1f %.1f", x, my, mx, my, mx, bottom), false
	case "╰":
		return fmt.Sprintf("M%.1f %.1fQ%.1f %.1f %.1f %.1f", mx, y, mx, my, right, my), false
	case "╯":
		return fmt.Sprintf("M%.1f %.1fQ%.1f %.1f %.1f %.1f", x, my, mx, my, mx, y), false
	case "├":
		return fmt.Sprintf("M%.1f %.1fV%.1fM%.1f %.1fH%.1f", mx, y, bottom, mx, my, right), false
	case "└":
		return fmt.Sprintf("M%.1f %.1fV%.1fH%.1f", mx, y, my, right), false
	case "┬":
		return fmt.Sprintf("M%.1f %.1fH%.1fM%.1f %.1fV%.1f", x, my, right, mx, my, bottom), false
	}
	return "", false
}

func isLine(content string) bool {
	path, _ := strokes(content, 0, 0, 1, 1)
	return path != ""
}

// lines draws the frames and bars of a line of the screen. Stretches of the same
// stroke are one.
func (p picture) lines(out io.Writer, y int) {
	for x := 0; x < p.w; {
		c := p.cell(x, y)
		if !isLine(c.Content) {
			x++
			continue
		}
		fg, _ := p.colours(c)
		n := 1
		for c.Content == "─" || c.Content == "━" {
			next := p.cell(x+n, y)
			nfg, _ := p.colours(next)
			if x+n >= p.w || next.Content != c.Content || hex(nfg) != hex(fg) {
				break
			}
			n++
		}
		path, thick := strokes(c.Content, margin+float64(x)*cellW, titleBar+float64(y)*cellH, cellW*float64(n), cellH)
		width := 1.2
		if thick {
			width = 3
		}
		fmt.Fprintf(out, `<path d="%s" fill="none" stroke="%s" stroke-width="%.1f"/>`+"\n", path, hex(fg), width)
		x += n
	}
}

// texts draws the words of a line: stretches of the same look, each placed by
// itself so that no font can move it.
func (p picture) texts(out io.Writer, y int) {
	for x := 0; x < p.w; {
		c := p.cell(x, y)
		if strings.TrimSpace(c.Content) == "" || isLine(c.Content) {
			x++
			continue
		}
		fg, _ := p.colours(c)
		var run strings.Builder
		n := 0
		for x+n < p.w {
			next := p.cell(x+n, y)
			nfg, _ := p.colours(next)
			if strings.TrimSpace(next.Content) == "" || isLine(next.Content) || hex(nfg) != hex(fg) || next.Style.Attrs != c.Style.Attrs {
				break
			}
			run.WriteString(next.Content)
			n++
		}
		style := ""
		if c.Style.Attrs&uv.AttrBold != 0 {
			style += ` font-weight="bold"`
		}
		if c.Style.Underline != 0 {
			style += ` text-decoration="underline"`
		}
		fmt.Fprintf(out, `<text x="%.1f" y="%.1f" fill="%s"%s textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
			margin+float64(x)*cellW, titleBar+float64(y)*cellH+14.2, hex(fg), style, float64(n)*cellW, html.EscapeString(run.String()))
		x += n
	}
}

func (p picture) cell(x, y int) *uv.Cell {
	if c := p.screen.CellAt(x, y); c != nil {
		return c
	}
	return &uv.Cell{Content: " "}
}

func hex(c color.Color) string {
	if c == nil {
		return ""
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
