// Package boot has the screen that is seen while the cluster starts: every
// component as it comes up, what it is for, and how long it took.
package boot

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// Screen is the boot screen.
type Screen struct {
	Context *pane.Context
	Version string
	Started time.Time
	// Done is when the nodes were Ready; zero before that.
	Done time.Time
	// Problem is why the cluster cannot start, if it cannot.
	Problem error
}

// The columns; kube-controller-manager is the longest name there is.
const nameWidth, tookWidth = 24, 7

// View draws the screen in w by h cells: a tank that fills as the cluster comes up.
func (s *Screen) View(w, h int) string {
	t := s.Context.Theme
	card := min(w-2, 112)
	inner := card - 6
	var control, nodes []component.Info
	for _, c := range s.Context.Components {
		if pane.IsNode(s.Context, c.Name) {
			nodes = append(nodes, c)
		} else {
			control = append(control, c)
		}
	}
	// Purposes get lines of their own if there is room, else what is left of the line.
	room := h - 8 // heading, frame, air, footer
	var list []string
	for _, wrap := range []wrapping{wrapAll, wrapStarting, wrapNone} {
		if list = s.list(control, nodes, inner, wrap); len(list) <= room {
			break
		}
	}
	if len(list) > room {
		list = list[len(list)-max(0, room):]
	}
	lines := []string{
		widget.Fit("  "+t.Brand.Render(t.Icons.Wave+t.Icons.Wave+" kubarium")+"  "+t.Tone(theme.Muted).Render("a real Kubernetes cluster, behind glass"), card, ""),
		"",
		s.tank(list, card),
		"  " + s.footer(card-4),
	}
	return widget.Center(strings.Join(lines, "\n"), w, h)
}

// tank frames the list, with water behind it up to where the start has come.
func (s *Screen) tank(list []string, w int) string {
	t := s.Context.Theme
	ready, all := s.progress()
	rows := append(append([]string{""}, list...), "")
	for i := range rows {
		rows[i] = "  " + rows[i]
	}
	if !t.Fine {
		rows[0] = "  " + s.bar(w-6)
	}
	content := widget.Block(rows, w-2, len(rows), t.Icons.Ellipsis)
	if t.Fine {
		from := len(rows)
		if all > 0 {
			from -= len(rows) * ready / all
		}
		content = widget.Flood(content, func(line int) color.Color {
			if line < from {
				return nil
			}
			return t.Water(line, len(rows))
		})
	}
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis,
		Right: t.Heading.Render(fmt.Sprintf("%d of %d ready", ready, all)),
	}
	return box.Draw(content, w, len(rows)+2)
}

// wrapping says which purposes are shown in full.
type wrapping int

const (
	wrapAll wrapping = iota
	wrapStarting
	wrapNone
)

func (s *Screen) list(control, nodes []component.Info, w int, wrap wrapping) []string {
	t := s.Context.Theme
	var out []string
	for _, c := range control {
		out = append(out, s.row(c, w, wrap)...)
	}
	if len(nodes) > 0 {
		if len(control) > 0 {
			out = append(out, "")
		}
		for _, c := range nodes {
			out = append(out, s.row(c, w, wrap)...)
		}
	}
	if len(out) == 0 {
		out = append(out, t.Tone(theme.Muted).Render("looking at the machine"+t.Icons.Ellipsis))
	}
	if s.Problem != nil {
		out = append(out, "")
		for _, l := range widget.Lines(widget.Clean(s.Problem.Error()), w-2) {
			out = append(out, t.Tone(theme.Bad).Render(t.Icons.Failing+" "+l))
		}
	}
	return out
}

func (s *Screen) row(c component.Info, w int, wrap wrapping) []string {
	t := s.Context.Theme
	sign, tone := pane.ComponentSign(s.Context, c.State)
	if c.State == component.Ready {
		sign = t.Icons.Check
	}
	name := t.Bold
	if c.State == component.Stopped {
		name = t.Tone(theme.Muted)
	}
	line := t.Tone(tone).Render(sign) + " " + name.Render(widget.Fit(c.Name, nameWidth, t.Icons.Ellipsis)) +
		t.Tone(tone).Render(widget.FitRight(s.took(c), tookWidth, "")) + "  "
	room := w - widget.Width(line)
	purpose := widget.Clean(c.Purpose)
	if wrap == wrapNone || wrap == wrapStarting && c.State != component.Starting {
		purpose = ansi.Truncate(purpose, room, t.Icons.Ellipsis)
	}
	var out []string
	for i, l := range widget.Lines(purpose, room) {
		if i > 0 {
			line = strings.Repeat(" ", w-room)
		}
		out = append(out, line+t.Tone(theme.Muted).Render(l))
	}
	if c.Message != "" && c.State != component.Ready {
		style := t.Tone(theme.Muted)
		if c.State == component.Failed || c.State == component.Unhealthy {
			style = t.Tone(theme.Bad)
		}
		for _, l := range widget.Lines(widget.Clean(c.Message), w-4) {
			out = append(out, "    "+style.Render(l))
		}
	}
	return out
}

// took is how long the start lasted, or lasts by now.
func (s *Screen) took(c component.Info) string {
	switch c.State {
	case component.Ready:
		return facts.Took(c.Took)
	case component.Starting:
		return facts.Took(s.Context.Now.Sub(c.Since).Truncate(100 * time.Millisecond))
	case component.Stopped:
		return "waits"
	}
	return strings.ToLower(string(c.State))
}

func (s *Screen) progress() (ready, all int) {
	for _, c := range s.Context.Components {
		if c.State == component.Ready {
			ready++
		}
	}
	return ready, len(s.Context.Components)
}

// bar says with signs what the water says with colours.
func (s *Screen) bar(w int) string {
	t := s.Context.Theme
	ready, all := s.progress()
	return widget.Bar(float64(ready)/float64(max(1, all)), w, t.Icons.Wave, t.Icons.BarEmpty, t.Tone(theme.Accent), t.Border)
}

// Key is one that the screen offers.
type Key struct{ Key, Desc string }

// Keys are those at the screen's foot.
func Keys() []Key { return []Key{{"enter", "look inside already"}, {"q", "quit"}} }

func (s *Screen) footer(w int) string {
	t := s.Context.Theme
	end := s.Context.Now
	left := "started in "
	if s.Done.IsZero() {
		left = ""
	} else {
		end = s.Done
	}
	elapsed := facts.Took(end.Sub(s.Started).Truncate(10 * time.Millisecond))
	var texts []string
	for _, k := range Keys() {
		texts = append(texts, t.Key.Render(k.Key)+t.Tone(theme.Muted).Render(" "+k.Desc))
	}
	keys := strings.Join(texts, "   ")
	return widget.Spread(t.Bold.Render(left+elapsed)+"  "+t.Tone(theme.Faint).Render(s.Version), keys, w, t.Icons.Ellipsis)
}
