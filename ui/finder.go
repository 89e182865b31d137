package ui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/sahilm/fuzzy"

	"kubarium/ui/keys"
	"kubarium/ui/names"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// finder finds anything by some of its letters: kinds, objects, and what keys do.
type finder struct {
	title string
	input textinput.Model
	// typed makes a thing of what is typed, if that can be one; it may be nil.
	typed func(string) (item, bool)
	items items
	found fuzzy.Matches
	list  widget.List
	// from is the first that is seen, of as many as shown.
	from, shown int
	// picked is whether something was chosen by a click, and not by what is typed.
	picked bool
	// more brings further items while the finder is open; nil if there are none.
	more *names.Search
	// seen is how much of that has come.
	seen progress
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

// find shows a finder, with a text in it.
func (a *App) find(d *finder, text string) tea.Cmd {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 100
	in.SetVirtualCursor(false)
	in.SetValue(text)
	d.input = in
	d.search()
	a.push(d)
	return d.input.Focus()
}

// search finds what fits, best first; everything if nothing is typed.
func (d *finder) search() {
	text := strings.TrimSpace(d.input.Value())
	d.found, d.list, d.picked = nil, widget.List{}, false
	if text != "" {
		d.found = fuzzy.FindFrom(text, d.items)
		return
	}
	for i := range d.items {
		d.found = append(d.found, fuzzy.Match{Index: i})
	}
}

// add takes items that came later. What was chosen stays so.
func (d *finder) add(list items) {
	kept, moved := "", d.list.Cursor > 0 && d.list.Cursor < len(d.found)
	if moved {
		kept = d.items[d.found[d.list.Cursor].Index].text
	}
	picked := d.picked
	d.items = append(d.items, list...)
	d.search()
	if i := slices.IndexFunc(d.found, func(m fuzzy.Match) bool { return d.items[m.Index].text == kept }); moved && i >= 0 {
		d.list.Cursor, d.picked = i, picked
	}
}

// close implements closer.
func (d *finder) close() {
	if d.more != nil {
		d.more.Close()
	}
}

func (d *finder) bindings(a *App) keys.Set {
	by := func(n int) func() tea.Cmd {
		return func() tea.Cmd { d.list.Move(n, len(d.found)); return nil }
	}
	return keys.Set{
		{Keys: []string{"down", "ctrl+j", "tab"}, Label: "↓", Desc: "down", Run: by(1)},
		{Keys: []string{"up", "ctrl+k", "shift+tab"}, Label: "↑", Desc: "up", Run: by(-1)},
		{Keys: []string{"pgdown"}, Label: "pgdn", Desc: "page down", Run: by(10)},
		{Keys: []string{"pgup"}, Desc: "page up", Run: by(-10)},
		{Keys: []string{"enter"}, Action: chooseAction, Desc: "choose", Run: func() tea.Cmd {
			chosen, ok := d.chosen()
			if !ok {
				return nil
			}
			a.pop()
			return chosen.run(a)
		}},
		a.closeBinding("close-finder", "ctrl+p"), a.escapeBinding(),
	}
}

// edit gives what is typed or pasted to the input, and finds what fits it then.
func (d *finder) edit(msg tea.Msg) tea.Cmd {
	before := d.input.Value()
	var cmd tea.Cmd
	d.input, cmd = d.input.Update(msg)
	if d.input.Value() != before {
		d.search()
	}
	return cmd
}

func (d *finder) replies() []reply {
	return []reply{{"enter", "open", chooseAction}, {"↑/↓", "choose", "down"}, {"esc", "back", escapeReply}}
}

// choose implements chooser.
func (d *finder) choose(line int) bool {
	const above = 2 // what is typed, and a line of air
	at := d.from + line - above
	if line < above || line-above >= d.shown || at >= len(d.found) {
		return false
	}
	d.list.Cursor, d.picked = at, true
	return true
}

func (d *finder) typedItem() (item, bool) {
	if d.typed == nil {
		return item{}, false
	}
	return d.typed(strings.TrimSpace(d.input.Value()))
}

// chosen is what enter opens: what is typed, if that can be opened, else what is selected.
func (d *finder) chosen() (item, bool) {
	if it, ok := d.typedItem(); ok && !d.picked {
		return it, true
	}
	if len(d.found) == 0 {
		return item{}, false
	}
	return d.items[d.found[d.list.Cursor].Index], true
}

func (d *finder) view(ctx *pane.Context, w, h int) string {
	t := ctx.Theme
	w = min(w, 78)
	rows := max(1, min(16, h-9))
	d.input.SetWidth(w - 12)
	lines := []string{"  " + t.Prompt.Render("> ") + t.Text.Render(widget.Clean(d.input.Value())) + t.Selected.Render(" "), ""}
	_, from := widget.List{Cursor: d.list.Cursor, Offset: max(0, d.list.Cursor-rows/2)}.View(len(d.found), rows)
	d.from, d.shown = from, rows
	for i := from; i < from+rows; i++ {
		if i >= len(d.found) {
			lines = append(lines, "")
			continue
		}
		lines = append(lines, "  "+d.row(t, d.found[i], i == d.list.Cursor, w-6))
	}
	if it, ok := d.typedItem(); ok {
		lines[1] = "  " + t.Tone(theme.OK).Render(widget.Fit(widget.Spread(" "+widget.Clean(it.text), it.hint+" ", w-6, t.Icons.Ellipsis), w-6, t.Icons.Ellipsis))
	} else if d.more != nil {
		lines[1] = "  " + t.Tone(theme.Muted).Render(widget.Fit(" "+d.seen.text(d.more.Kinds), w-6, t.Icons.Ellipsis))
	}
	if _, ok := d.typedItem(); !ok && len(d.found) == 0 {
		lines[2] = "  " + t.Tone(theme.Muted).Render("Nothing has these letters in this order.")
	}
	return card(t, d.title, foot(ctx, d.replies()), lines, w, theme.Accent)
}

// row shows a thing that was found, with the letters by which it was.
func (d *finder) row(t *theme.Theme, m fuzzy.Match, selected bool, w int) string {
	it := d.items[m.Index]
	hint := widget.Clean(it.hint)
	if selected {
		return t.Selected.Render(widget.Fit(widget.Spread(" "+widget.Clean(it.text), " "+hint+" ", w, t.Icons.Ellipsis), w, t.Icons.Ellipsis))
	}
	text := widget.Clean(it.text)
	if text == it.text && len(m.MatchedIndexes) > 0 {
		text = lipgloss.StyleRunes(text, runes(text, d.matched(m)), t.Key.Underline().Style(), t.Text.Style())
	} else {
		text = t.Text.Render(text)
	}
	return widget.Spread(" "+text, t.Tone(theme.Muted).Render(" "+hint+" "), w, t.Icons.Ellipsis)
}

// matched are the places of the letters by which a thing was found: those of the words as they
// were typed, if it has them.
func (d *finder) matched(m fuzzy.Match) []int {
	text, typed := strings.ToLower(m.Str), strings.ToLower(strings.TrimSpace(d.input.Value()))
	at := strings.Index(text, typed)
	if at < 0 || len(text) != len(m.Str) {
		return m.MatchedIndexes
	}
	var places []int
	for i := range len(typed) {
		places = append(places, at+i)
	}
	return places
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
