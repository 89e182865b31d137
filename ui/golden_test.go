package ui

import (
	"bytes"
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"kubarium/ui/gauge"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// look is a way for a terminal to show the app.
type look struct {
	name    string
	ascii   bool
	profile colorprofile.Profile
}

func looks() []look {
	return []look{
		{name: "colour", profile: colorprofile.TrueColor},
		{name: "nocolor", profile: colorprofile.ASCII},
		{name: "ascii", ascii: true, profile: colorprofile.ASCII},
	}
}

func sizes(screen string) [][2]int {
	sizes := [][2]int{{80, 24}, {120, 40}, {200, 60}}
	if strings.HasPrefix(screen, "map") || strings.HasPrefix(screen, "graphs") || screen == "main add-ons" {
		sizes = append(sizes, [2]int{100, 30}) // three nodes and thirty pods are to fit it
	}
	return sizes
}

// busy is a driver of a cluster with thirty pods in all states; its nodes tell what
// they use.
func busy(t *testing.T, w, h int, change func(*Options), keys ...string) *driver {
	d := up(t, w, h, change)
	d.send(uitest.Report())
	d.send(watch.SnapshotMsg{Snapshot: watch.New(uitest.Busy(moment())...)})
	d.clock = moment().Add(time.Minute) // nothing is new
	d.send(componentsMsg(uitest.Components()))
	d.press(keys...)
	return d
}

// TestScreens compares whole screens with those in testdata. Run it with -update
// after a change that was meant, and look at the difference.
func TestScreens(t *testing.T) {
	seen := map[string]bool{}
	for name, open := range screens() {
		for _, l := range looks() {
			for _, size := range sizes(name) {
				t.Run(fmt.Sprintf("%s/%s/%dx%d", name, l.name, size[0], size[1]), func(t *testing.T) {
					d := open(t, size[0], size[1], func(o *Options) { o.ASCII = l.ascii })
					d.send(tea.ColorProfileMsg{Profile: l.profile})
					out, _ := d.app.Render()
					checkSize(t, out, size[0], size[1])
					out = cells(out, size[0], size[1])
					var b bytes.Buffer
					w := colorprofile.Writer{Forward: &b, Profile: l.profile}
					if _, err := w.WriteString(out + "\n"); err != nil {
						t.Fatal(err)
					}
					if l.ascii {
						checkASCII(t, b.String())
					}
					if l.profile == colorprofile.ASCII {
						checkColourless(t, b.String())
					}
					noteView(d.app, seen)
					golden.RequireEqual(t, b.String())
				})
			}
		}
	}
	// A part of the tests does not see all.
	if f := flag.Lookup("test.run"); f == nil || !strings.Contains(f.Value.String(), "/") {
		everyView(t, seen)
	}
}

// graphs is a driver of a busy cluster whose graphs are shown.
func graphs(t *testing.T, w, h int, change func(*Options), keys ...string) *driver {
	d := busy(t, w, h, change)
	d.app.gauges = gauge.New(nil, nil, "")
	d.press("g")
	d.send(uitest.Report())
	d.press(keys...)
	return d
}

// cells is a screen as a terminal has it: how it was written does not matter.
func cells(s string, w, h int) string {
	canvas := lipgloss.NewCanvas(w, h)
	canvas.Compose(lipgloss.NewLayer(s))
	return canvas.Render()
}

func checkSize(t *testing.T, out string, w, h int) {
	t.Helper()
	lines := strings.Split(out, "\n")
	if len(lines) > h {
		t.Errorf("%d lines on a screen of %d", len(lines), h)
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n > w {
			t.Errorf("line %d has %d cells on a screen of %d", i, n, w)
		}
	}
}

// checkColourless looks for colours; bold, faint and reverse video are none.
func checkColourless(t *testing.T, s string) {
	t.Helper()
	for _, found := range regexp.MustCompile("\x1b\\[[0-9;]*m").FindAllString(s, -1) {
		for _, code := range strings.Split(strings.Trim(found, "\x1b[m"), ";") {
			if n, err := strconv.Atoi(code); err == nil && n >= 30 && n != 39 && n != 49 {
				t.Errorf("colour %q with NO_COLOR", found)
				return
			}
		}
	}
}

func checkASCII(t *testing.T, s string) {
	t.Helper()
	for _, r := range ansi.Strip(s) {
		if r > 126 {
			t.Errorf("%q is not ASCII", r)
			return
		}
	}
}

// TestTerminalTheme draws screens in the terminal's own colours, and finds no others.
func TestTerminalTheme(t *testing.T) {
	d := up(t, 120, 40, func(o *Options) { o.Theme = "terminal"; o.Lessons = &uitest.Panel{} })
	d.send(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	withTables(d)
	other := regexp.MustCompile("\x1b\\[[0-9;]*[34]8[;:][25]")
	for _, press := range [][]string{nil, {"m"}, {"3"}, {"y"}, {"esc", "?"}, {"esc", "q"}, {"esc", ":", "x"}, {"esc", "L"}, {"esc", "ctrl+p"}} {
		d.press(press...)
		out, _ := d.app.Render()
		if found := other.FindString(out); found != "" {
			t.Errorf("after %v: %q", press, found)
		}
		if !strings.Contains(out, "\x1b[3") && !strings.Contains(out, ";3") {
			t.Errorf("after %v: no colours at all", press)
		}
	}
}
