package ui

import (
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/command"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// roomyFilter is the width from which the filter's line tells what can be typed.
const roomyFilter = 110

// filterLine is where the text filter is typed.
type filterLine struct {
	ctx   *pane.Context
	input textinput.Model
	open  bool
	// before is the filter to go back to.
	before string
}

func newFilterLine(ctx *pane.Context) *filterLine {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 100
	in.SetVirtualCursor(false)
	return &filterLine{ctx: ctx, input: in}
}

func (a *App) startFilter() tea.Cmd {
	f := a.filters
	f.open, f.before = true, a.ctx.Text
	f.input.SetValue(a.ctx.Text)
	f.input.CursorEnd()
	f.input.SetWidth(max(10, a.w-40))
	return f.input.Focus()
}

// filterKey filters while it is typed.
func (a *App) filterKey(msg tea.KeyPressMsg) tea.Cmd {
	f := a.filters
	switch msg.String() {
	case "enter", "tab", "down":
		f.open = false
		f.input.Blur()
		return a.selectBy(f.input.Value())
	case "esc":
		f.open = false
		f.input.Blur()
		return a.setFilter(f.before)
	}
	return a.editFilter(msg)
}

// editFilter gives what is typed or pasted to the filter's line, and filters by it.
func (a *App) editFilter(msg tea.Msg) tea.Cmd {
	f := a.filters
	var cmd tea.Cmd
	f.input, cmd = f.input.Update(msg)
	return tea.Batch(cmd, a.setFilter(f.input.Value()))
}

// selectBy has the server choose, if flags were typed in place of a text, as "-l app=web": of
// the table that is shown, else of the pods.
func (a *App) selectBy(text string) tea.Cmd {
	if !strings.HasPrefix(text, "-") {
		return nil
	}
	a.ctx.Text = a.filters.before
	kind, ok := a.catalog.Find("pods")
	if table := a.tableTop(); table != nil {
		kind, ok = table.Kind(), true
	}
	words, err := command.Args(text)
	if !ok || err != nil {
		a.push(note("Not shown", "The API server has not told its kinds yet, or a quotation mark is left open."))
		return nil
	}
	query, err := resource.ParseQuery(words, a.ctx.Namespace)
	return a.browse(browseMsg{kind: kind, query: query, err: err})
}

func (a *App) setFilter(text string) tea.Cmd {
	a.ctx.Text = text
	if strings.HasPrefix(text, "-") {
		a.ctx.Text = "" // flags for the server, which chooses when they are whole
	}
	return a.sync()
}

// view draws the line in w cells, and tells where its cursor is.
func (f *filterLine) view(w int) (string, *tea.Cursor) {
	t := f.ctx.Theme
	prompt := t.Prompt.Render(" / ")
	hint := t.Tone(theme.Muted).Render("text, !text or -l LABELS   enter keeps the filter, esc leaves it as it was ")
	if w < roomyFilter {
		hint = t.Tone(theme.Muted).Render("enter keeps the filter, esc leaves it as it was ")
	}
	line := widget.Spread(prompt+f.input.View(), hint, w, "")
	cursor := f.input.Cursor()
	if cursor != nil {
		cursor.X = min(w-1, cursor.X+widget.Width(prompt))
		cursor.Blink = false
	}
	return line, cursor
}
