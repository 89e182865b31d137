package ui

import (
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/sahilm/fuzzy"

	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// finder finds anything by some of its letters: kinds, objects, and what keys do.
type finder struct {
	input textinput.Model
	items items
	found fuzzy.Matches
	list  widget.List
}

// item is one thing that can be found.
type item struct {
	// text is searched, and shown; hint is shown.
	text, hint string
	run        func(*App) tea.Cmd
}

type items []item

// String and Len implement fuzzy.Source.
func (l items) String(i int) string { return l[i].text }
func (l items) Len() int            { return len(l) }

// openFinder shows the finder, with all that there is now.
func (a *App) openFinder() tea.Cmd {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 100
	in.SetVirtualCursor(false)
	d := &finder{input: in, items: a.findable()}
	d.search()
	a.push(d)
	return tea.Batch(a.discover(), d.input.Focus())
}

// findable lists what can be found: the objects that are followed, the kinds, the keys.
func (a *App) findable() items {
	var list items
	object := func(kind, namespace, name, hint string) {
		ref := watch.Ref{Kind: kind, Namespace: namespace, Name: name}
		text := strings.ToLower(kind) + " " + strings.TrimPrefix(namespace+"/", "/") + name
		list = append(list, item{text: text, hint: hint, run: func(a *App) tea.Cmd { return a.open(pane.OpenMsg{Ref: ref, Tab: pane.Summary}) }})
	}
	s := a.ctx.Snapshot
	for _, p := range s.Pods {
		object("Pod", p.Object.Namespace, p.Object.Name, p.Word)
	}
	for _, d := range s.Deployments {
		object("Deployment", d.Namespace, d.Name, "")
	}
	for _, f := range s.Services {
		object("Service", f.Object.Namespace, f.Object.Name, "")
	}
	for _, n := range s.Nodes {
		object("Node", "", n.Object.Name, map[bool]string{true: "Ready"}[n.State == facts.Running])
	}
	for _, k := range a.catalog.Kinds() {
		list = append(list, item{text: "all " + k.Title(), hint: strings.Join(k.ShortNames, " "), run: func(a *App) tea.Cmd {
			return a.browse(browseMsg{kind: k, query: resource.Query{Namespace: a.ctx.Namespace}})
		}})
	}
	for _, b := range a.globals() {
		if b.Run != nil && b.Why() == "" {
			list = append(list, item{text: b.Explain(), hint: "key " + b.Shown(), run: func(*App) tea.Cmd { return b.Run() }})
		}
	}
	return list
}

// search finds what fits, best first; everything if nothing is typed.
func (d *finder) search() {
	text := strings.TrimSpace(d.input.Value())
	d.found, d.list = nil, widget.List{}
	if text != "" {
		d.found = fuzzy.FindFrom(text, d.items)
		return
	}
	for i := range d.items {
		d.found = append(d.found, fuzzy.Match{Index: i})
	}
}

func (d *finder) key(a *App, msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "esc", "ctrl+p":
		a.pop()
	case "up", "ctrl+k", "shift+tab":
		d.list.Move(-1, len(d.found))
	case "down", "ctrl+j", "tab":
		d.list.Move(1, len(d.found))
	case "pgup":
		d.list.Move(-10, len(d.found))
	case "pgdown":
		d.list.Move(10, len(d.found))
	case "enter":
		if len(d.found) == 0 {
			return nil
		}
		chosen := d.items[d.found[d.list.Cursor].Index]
		a.pop()
		return chosen.run(a)
	default:
		before := d.input.Value()
		var cmd tea.Cmd
		d.input, cmd = d.input.Update(msg)
		if d.input.Value() != before {
			d.search()
		}
		return cmd
	}
	return nil
}

func (d *finder) view(t *theme.Theme, w, h int) string {
	w = min(w, 78)
	rows := max(1, min(16, h-9))
	d.input.SetWidth(w - 12)
	lines := []string{"  " + t.Prompt.Render("> ") + t.Text.Render(widget.Clean(d.input.Value())) + t.Selected.Render(" "), ""}
	_, from := widget.List{Cursor: d.list.Cursor, Offset: max(0, d.list.Cursor-rows/2)}.View(len(d.found), rows)
	for i := from; i < from+rows; i++ {
		if i >= len(d.found) {
			lines = append(lines, "")
			continue
		}
		lines = append(lines, "  "+d.row(t, d.found[i], i == d.list.Cursor, w-6))
	}
	if len(d.found) == 0 {
		lines[2] = "  " + t.Tone(theme.Muted).Render("Nothing has these letters in this order.")
	}
	foot := answer(t, "enter", "open") + "     " + answer(t, "↑/↓", "choose") + "     " + answer(t, "esc", "back")
	return card(t, "Find", foot, lines, w, theme.Accent)
}

// row shows a thing that was found, with the letters by which it was.
func (d *finder) row(t *theme.Theme, m fuzzy.Match, selected bool, w int) string {
	it := d.items[m.Index]
	hint := widget.Clean(it.hint)
	if selected {
		return t.Selected.Render(widget.Fit(widget.Spread(" "+widget.Clean(it.text), hint+" ", w, t.Icons.Ellipsis), w, t.Icons.Ellipsis))
	}
	text := widget.Clean(it.text)
	if text == it.text && len(m.MatchedIndexes) > 0 {
		text = lipgloss.StyleRunes(text, runes(text, m.MatchedIndexes), t.Key.Underline(true), t.Text)
	} else {
		text = t.Text.Render(text)
	}
	return widget.Spread(" "+text, t.Tone(theme.Muted).Render(hint+" "), w, t.Icons.Ellipsis)
}

// runes turns places of bytes into places of characters.
func runes(s string, bytes []int) []int {
	var out []int
	n := 0
	for at := range s {
		for _, b := range bytes {
			if b == at {
				out = append(out, n)
			}
		}
		n++
	}
	return out
}
