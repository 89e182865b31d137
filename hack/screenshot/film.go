package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// element is one stroke or word of the screen, and the frames that have it. Most of them
// are in many frames, so each is drawn once.
type element struct {
	text   string
	behind bool
	frames []int
}

// film draws the screens of a folder as one picture that shows them in turn.
func film(out io.Writer, folder string, every time.Duration, title string, p picture) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no screens (*.txt) in %s: %w", folder, err)
	}
	slices.Sort(files)
	var all []*element
	known := map[string]*element{}
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		p.screen = lipgloss.NewCanvas(p.w, p.h)
		p.screen.Compose(lipgloss.NewLayer(strings.TrimRight(string(text), "\n")))
		for _, e := range p.elements() {
			if known[e.text] == nil {
				known[e.text] = e
				all = append(all, e)
			}
			known[e.text].frames = append(known[e.text].frames, i)
		}
	}
	w := bufio.NewWriter(out)
	p.window(w, title)
	writeFilm(w, all, len(files), every)
	fmt.Fprintln(w, "</g>\n</svg>")
	return w.Flush()
}

// elements are the strokes and words of the screen.
func (p picture) elements() []*element {
	var list []*element
	var b bytes.Buffer
	take := func(behind bool) {
		for _, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
			if line != "" {
				list = append(list, &element{text: line, behind: behind})
			}
		}
		b.Reset()
	}
	for y := range p.h {
		p.backgrounds(&b, y)
	}
	take(true)
	for y := range p.h {
		p.lines(&b, y)
		p.texts(&b, y)
	}
	take(false)
	return list
}

// writeFilm groups what comes and goes together.
func writeFilm(out io.Writer, all []*element, frames int, every time.Duration) {
	groups := map[string][]*element{}
	var order []string
	for _, e := range all {
		key := fmt.Sprint(!e.behind, e.frames)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], e)
	}
	slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(a[:4], b[:4]) })
	// What all strokes and words have in common is said once.
	fmt.Fprintln(out, "<style>path{fill:none}</style>")
	short := strings.NewReplacer(` fill="none"`, "", ` lengthAdjust="spacingAndGlyphs"`, "")
	total := every.Seconds() * float64(frames)
	for i, key := range order {
		group := groups[key]
		if len(group[0].frames) == frames {
			fmt.Fprintln(out, "<g>")
		} else {
			fmt.Fprintf(out, "<style>@keyframes k%d{%s}.k%d{animation:k%d %.1fs step-end infinite}</style>\n<g class=\"k%d\">\n", i, turns(group[0].frames, frames), i, i, total, i)
		}
		for _, e := range group {
			fmt.Fprintln(out, short.Replace(e.text))
		}
		fmt.Fprintln(out, "</g>")
	}
}

// turns are the moments at which something appears and goes.
func turns(shown []int, frames int) string {
	var b strings.Builder
	last := ""
	for i := range frames {
		state := "hidden"
		if slices.Contains(shown, i) {
			state = "visible"
		}
		if state != last {
			fmt.Fprintf(&b, "%.2f%%{visibility:%s}", 100*float64(i)/float64(frames), state)
			last = state
		}
	}
	return b.String()
}
