package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// help lists the keys of what has the focus, those of the app, and the signs.
type help struct {
	groups []keys.Group
	signs  []string
	offset int
	last   int
}

func (a *App) newHelp() *help {
	h := &help{signs: a.signs()}
	if a.past != nil {
		h.groups = append(h.groups, keys.Group{Title: "The past", Set: a.inPast()})
	}
	if g := a.focused(); len(g.Set) > 0 {
		h.groups = append(h.groups, g)
	}
	h.groups = append(h.groups, keys.Group{Title: "Everywhere", Set: a.globals()})
	return h
}

// signs explains the shapes.
func (a *App) signs() []string {
	t := a.ctx.Theme
	var out []string
	still := *a.ctx
	still.Frame = 0
	for s := facts.Running; s <= facts.Unknown; s++ {
		sign, tone := pane.PodSign(&still, s)
		out = append(out, t.Tone(tone).Render(sign)+" "+t.Text.Render("pod "+s.String()))
	}
	sign, tone := pane.ComponentSign(&still, component.Stopped)
	return append(out, t.Tone(tone).Render(sign)+" "+t.Text.Render("component or node stopped"))
}

func (d *help) key(a *App, msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "esc", "q", "?", "enter":
		a.pop()
	case "down", "j":
		d.offset = min(d.offset+1, d.last)
	case "up", "k":
		d.offset = max(0, d.offset-1)
	case "pgdown", "space":
		d.offset = min(d.offset+10, d.last)
	case "pgup":
		d.offset = max(0, d.offset-10)
	}
	return nil
}

func (d *help) replies() []reply {
	list := []reply{{"esc", "back", "esc"}}
	if d.last > 0 {
		list = append(list, reply{"↓ ↑", "more", "pgdown"})
	}
	return list
}

func (d *help) view(t *theme.Theme, w, h int) string {
	w = min(w, 132)
	lines := d.lines(t, w-6)
	room := max(1, h-6)
	d.last = max(0, len(lines)-room)
	d.offset = min(d.offset, d.last)
	shown := lines[d.offset:min(len(lines), d.offset+room)]
	indented := make([]string, len(shown))
	for i, l := range shown {
		indented[i] = "  " + l
	}
	return card(t, "Keys and signs", foot(t, d.replies()), indented, w, theme.Accent)
}

func (d *help) lines(t *theme.Theme, w int) []string {
	cols := 1
	if w >= 84 {
		cols = 2
	}
	colW := w/cols - 1
	var left, right []string
	for i, g := range d.groups {
		part := append(section(t, g, colW), "")
		if cols == 2 && i > 0 {
			right = append(right, part...)
		} else {
			left = append(left, part...)
		}
	}
	signs := append([]string{t.Title.Render("Signs")}, d.signs...)
	if cols == 1 {
		return append(left, signs...)
	}
	left = append(left, signs...)
	var out []string
	for i := range max(len(left), len(right)) {
		l, r := "", ""
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		out = append(out, widget.Fit(l, colW, t.Icons.Ellipsis)+"  "+r)
	}
	return out
}

// section is a group of keys, with why those that do nothing now do not.
func section(t *theme.Theme, g keys.Group, w int) []string {
	const keyW = 10
	out := []string{t.Title.Render(g.Title)}
	for _, b := range g.Set {
		text, style := b.Explain(), t.Text
		if why := b.Why(); why != "" {
			text, style = text+" ("+why+")", t.Tone(theme.Faint)
		}
		shown := widget.Fit(b.Shown(), keyW, "")
		if t.Icons.ASCII {
			shown = widget.Fit(plainKey(b.Shown()), keyW, "")
		}
		for i, l := range widget.Lines(text, max(10, w-keyW)) {
			if i > 0 {
				shown = strings.Repeat(" ", keyW)
			}
			out = append(out, t.Key.Render(shown)+style.Render(ansi.Truncate(l, max(0, w-keyW), "")))
		}
	}
	return out
}

// plainKey writes arrows as words.
func plainKey(s string) string {
	return strings.NewReplacer("↓", "down", "↑", "up", "←", "left", "→", "right").Replace(s)
}
