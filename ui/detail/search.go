package detail

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// search is what is looked for in the text of a tab.
type search struct {
	input textinput.Model
	open  bool
	text  string
	tab   pane.Tab // in which it is looked for
	found int
}

// startSearch opens the line in which one types what to look for.
func (v *View) startSearch() tea.Cmd {
	in := textinput.New()
	in.Prompt, in.CharLimit = "", 100
	in.SetVirtualCursor(false)
	v.endSearch()
	v.search = search{input: in, open: true, tab: v.tab}
	return v.search.input.Focus()
}

// searchKey looks while it is typed.
func (v *View) searchKey(msg tea.Msg) tea.Cmd {
	s := &v.search
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "enter":
			s.open = false
			return v.explain()
		case "esc":
			v.endSearch()
			return nil
		}
	}
	var cmd tea.Cmd
	s.input, cmd = s.input.Update(msg)
	if text := s.input.Value(); text != s.text {
		s.text, s.found = text, v.pager().Search(text)
	}
	return cmd
}

func (v *View) endSearch() {
	v.pager().Search("")
	v.search = search{}
}

// searching reports whether something is looked for in the tab that is shown.
func (v *View) searching() bool {
	return v.search.tab == v.tab && (v.search.open || v.search.text != "")
}

// searchLine stands in the place of the object's line.
func (v *View) searchLine() string {
	t, s := v.ctx.Theme, &v.search
	text := t.Prompt.Render("/ ") + t.Text.Render(widget.Clean(s.text))
	if s.open {
		text += t.Selected.Render(" ")
	}
	if s.text == "" {
		return text
	}
	tone := theme.Muted
	if s.found == 0 {
		tone = theme.Warn
	}
	return text + t.Tone(tone).Render("  in "+widget.Plural(s.found, "line", "lines"))
}

// searchBindings are the keys by which one looks for something.
func (v *View) searchBindings() keys.Set {
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return v.explain() }
	}
	if v.tab == pane.Events {
		return nil
	}
	set := keys.Set{{Keys: []string{"/"}, Desc: "search", Long: "look for words in the text", Bar: true, Run: v.startSearch}}
	if !v.searching() {
		return set
	}
	return append(keys.Set{
		{Keys: []string{"esc"}, Desc: "end search", Bar: true, Run: do(v.endSearch)},
		{Keys: []string{"n"}, Action: "next-match", Desc: "next", Long: "go to the next line that has what is looked for", Bar: true, Run: do(func() { v.pager().Match(1) })},
		{Keys: []string{"N"}, Action: "match-before", Desc: "one before", Long: "go to the line before that has what is looked for", Run: do(func() { v.pager().Match(-1) })},
	}, set...)
}
