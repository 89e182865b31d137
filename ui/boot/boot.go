// Package boot has the screen that is seen while the cluster starts: every
// component as it comes up, what it is for, and how long it took.
package boot

import (
	"fmt"
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

const nameWidth, tookWidth = 25, 8

// View draws the screen in w by h cells.
func (s *Screen) View(w, h int) string {
	t := s.Context.Theme
	card := min(w-4, 108)
	var control, nodes []component.Info
	for _, c := range s.Context.Components {
		if pane.IsNode(s.Context, c.Name) {
			nodes = append(nodes, c)
		} else {
			control = append(control, c)
		}
	}
	head := []string{
		t.Brand.Render(t.Icons.Wave+t.Icons.Wave+" kubarium") + "  " + t.Tone(theme.Muted).Render("a real Kubernetes cluster, behind glass"),
		"",
		s.water(card),
		"",
	}
	foot := []string{"", s.footer(card)}

	// Purposes get lines of their own if there is room, else what is left of the line.
	room := h - len(head) - len(foot) - 2
	list := s.list(control, nodes, card, true)
	if len(list) > room {
		list = s.list(control, nodes, card, false)
	}
	if len(list) > room {
		list = list[len(list)-max(0, room):]
	}
	lines := append(append(head, list...), foot...)
	return widget.Center(widget.Block(lines, card, len(lines), t.Icons.Ellipsis), w, h)
}

func (s *Screen) list(control, nodes []component.Info, w int, wrap bool) []string {
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

func (s *Screen) row(c component.Info, w int, wrap bool) []string {
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
	room := w - ansi.StringWidth(line)
	purpose := widget.Clean(c.Purpose)
	if !wrap {
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

// water is how full the aquarium is: the share of components that are ready.
func (s *Screen) water(w int) string {
	t := s.Context.Theme
	ready, all := 0, len(s.Context.Components)
	for _, c := range s.Context.Components {
		if c.State == component.Ready {
			ready++
		}
	}
	share := 0.0
	if all > 0 {
		share = float64(ready) / float64(all)
	}
	words := fmt.Sprintf("  %d of %d ready", ready, all)
	return widget.Bar(share, w-len(words), t.Icons.Wave, t.Icons.BarEmpty, t.Tone(theme.Accent), t.Border) +
		t.Tone(theme.Muted).Render(words)
}

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
	keys := t.Key.Render("enter") + t.Tone(theme.Muted).Render(" look inside already   ") +
		t.Key.Render("q") + t.Tone(theme.Muted).Render(" quit")
	return widget.Spread(t.Bold.Render(left+elapsed)+"  "+t.Tone(theme.Faint).Render(s.Version), keys, w, t.Icons.Ellipsis)
}
