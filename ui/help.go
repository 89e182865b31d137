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
	// rows are the lines as they were laid out last, with what is in their columns.
	rows             [][2]helpLine
	cols, colW, room int
}

// helpLine is a line of a column, and the key that it tells of.
type helpLine struct{ text, key string }

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

func (d *help) bindings(a *App) keys.Set {
	return append(scrolling(&d.offset, &d.last), a.closeBinding("close-help", "q", "?", "enter"), a.escapeBinding())
}

// click implements clickable: it does what the key does that is clicked on.
func (d *help) click(a *App, x, line int) tea.Cmd {
	if line < 0 || line >= d.room || d.offset+line >= len(d.rows) {
		return nil
	}
	col := 0
	if d.cols == 2 && x >= d.colW {
		col = 1
	}
	key := d.rows[d.offset+line][col].key
	if key == "" {
		return nil
	}
	a.pop()
	return a.pressed(key)
}

func (d *help) replies() []reply {
	list := []reply{{"esc", "back", escapeReply}}
	if d.last > 0 {
		list = append(list, reply{"↓ ↑", "more", "page-down"})
	}
	return list
}

func (d *help) view(ctx *pane.Context, w, h int) string {
	t := ctx.Theme
	w = min(w, 132)
	d.lay(t, w-6)
	d.room = max(1, h-6)
	d.last = max(0, len(d.rows)-d.room)
	d.offset = min(d.offset, d.last)
	var shown []string
	for _, r := range d.rows[d.offset:min(len(d.rows), d.offset+d.room)] {
		line := "  " + r[0].text
		if d.cols == 2 {
			line = "  " + widget.Fit(r[0].text, d.colW, t.Icons.Ellipsis) + "  " + r[1].text
		}
		shown = append(shown, line)
	}
	return card(t, "Keys and signs", foot(ctx, d.replies()), shown, w, theme.Accent)
}

// lay puts the groups and the signs into one column, or into two if there is room.
func (d *help) lay(t *theme.Theme, w int) {
	d.cols = 1
	if w >= 84 {
		d.cols = 2
	}
	d.colW = w/d.cols - 1
	columns := make([][]helpLine, d.cols)
	for i, g := range d.groups {
		at := min(i, d.cols-1)
		columns[at] = append(append(columns[at], section(t, g, d.colW)...), helpLine{})
	}
	columns[0] = append(columns[0], helpLine{text: t.Title.Render("Signs")})
	for _, s := range d.signs {
		columns[0] = append(columns[0], helpLine{text: s})
	}
	d.rows = nil
	for at, lines := range columns {
		for i, l := range lines {
			if i == len(d.rows) {
				d.rows = append(d.rows, [2]helpLine{})
			}
			d.rows[i][at] = l
		}
	}
}

// section is a group of keys, with why those that do nothing now do not.
func section(t *theme.Theme, g keys.Group, w int) []helpLine {
	const keyW = 10
	out := []helpLine{{text: t.Title.Render(g.Title)}}
	for _, b := range g.Set {
		text, style := b.Explain(), t.Text
		if why := b.Why(); why != "" {
			text, style = text+" ("+why+")", t.Tone(theme.Faint)
		}
		shown := widget.Fit(b.Shown(), keyW, "")
		if t.Icons.ASCII {
			shown = widget.Fit(plainKey(b.Shown()), keyW, "")
		}
		key := ""
		if len(b.Keys) > 0 {
			key = b.Keys[0]
		}
		for i, l := range widget.Lines(text, max(10, w-keyW)) {
			if i > 0 {
				shown = strings.Repeat(" ", keyW)
			}
			out = append(out, helpLine{t.Key.Render(shown) + style.Render(ansi.Truncate(l, max(0, w-keyW), "")), key})
		}
	}
	return out
}

// plainKey writes arrows as words.
func plainKey(s string) string {
	return strings.NewReplacer("↓", "down", "↑", "up", "←", "left", "→", "right").Replace(s)
}
