package detail

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// Typing reports whether keys are text.
func (v *View) Typing() bool {
	return v.editor != nil && v.editor.stage == writing || v.editor == nil && v.search.open
}

// editKey takes a key while text is typed.
func (v *View) editKey(msg tea.Msg) tea.Cmd {
	e := v.editor
	if k, ok := msg.(tea.KeyPressMsg); ok {
		if cmd, own := v.editBindings().Dispatch(k.String()); own {
			return cmd
		}
	}
	e.leave, e.problem = false, ""
	var cmd tea.Cmd
	e.area, cmd = e.area.Update(msg)
	return cmd
}

// editBindings are the keys of the editor.
func (v *View) editBindings() keys.Set {
	e := v.editor
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return nil }
	}
	scroll := keys.Set{
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: do(func() { e.diff.Scroll(1) })},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: do(func() { e.diff.Scroll(-1) })},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: do(func() { e.diff.Page(1) })},
		{Keys: []string{"pgup"}, Desc: "page up", Run: do(func() { e.diff.Page(-1) })},
	}
	write := func() tea.Cmd { e.stage = writing; return e.area.Focus() }
	switch e.stage {
	case writing:
		return keys.Set{
			{Keys: []string{"ctrl+s"}, Desc: "check", Long: "have the server check what is written, and show what would change", Bar: true, Run: v.check},
			{Keys: []string{"esc"}, Desc: "leave", Long: "leave everything as it is", Bar: true, Run: v.leaveText},
		}
	case reviewing:
		return append(keys.Set{
			{Keys: []string{"enter", "y"}, Label: "enter", Desc: "save", Long: "change the object like that", Bar: true, Run: func() tea.Cmd { e.stage = saving; return v.put(saving, false) }},
			{Keys: []string{"esc"}, Desc: "write on", Long: "go back to the text", Bar: true, Run: write},
		}, scroll...)
	case conflict:
		return append(keys.Set{
			{Keys: []string{"m", "enter"}, Label: "enter", Desc: "put mine on top", Long: "make your changes to what is there now", Bar: true, Run: v.merge},
			{Keys: []string{"t"}, Desc: "take theirs", Long: "throw your changes away, and write on what is there now", Bar: true, Run: v.fetch},
			{Keys: []string{"esc"}, Desc: "leave", Long: "throw your changes away", Bar: true, Run: v.stopEditing},
		}, scroll...)
	}
	return keys.Set{{Keys: []string{"esc"}, Desc: "leave", Bar: true, Run: v.stopEditing}}
}

// leaveText leaves the editor; over a changed text, at the second time.
func (v *View) leaveText() tea.Cmd {
	e := v.editor
	if e.leave || e.area.Value() == e.text {
		return v.stopEditing()
	}
	e.leave, e.problem, e.line = true, "esc again throws your changes away", -1
	return nil
}

func (e *editor) setSize(w, h int) {
	e.area.SetWidth(w)
	e.area.SetHeight(max(1, h-2))
	e.diff.SetSize(w, max(1, h-2))
}

// editBody draws the editor: what it is about, and below what is to be read or written.
func (v *View) editBody(w, h int) string {
	e, t := v.editor, v.ctx.Theme
	tone, head := theme.Accent, ""
	body := ""
	switch e.stage {
	case fetching:
		head = "asking the API server" + t.Icons.Ellipsis
		if e.err != nil {
			tone, head = theme.Bad, t.Icons.Failing+" "+e.err.Error()
		}
	case writing:
		head = "Change what you like, then ctrl+s: the server checks it before anything happens."
		if e.problem != "" {
			tone, head = theme.Warn, t.Icons.Warning+" "+e.problem
			if e.line >= 0 {
				head = fmt.Sprintf("%s line %d: %s", t.Icons.Warning, e.line+1, e.problem)
			}
		}
		e.paint(t)
		body = e.area.View()
	case checking:
		head = "the server checks it (a dry run: nothing changes)" + t.Icons.Ellipsis
		body = e.area.View()
	case reviewing:
		head = "The server accepts it. This would change:"
		body = e.diff.View(t.Icons.Ellipsis)
	case saving:
		head = "saving" + t.Icons.Ellipsis
		body = e.diff.View(t.Icons.Ellipsis)
	case conflict:
		tone, head = theme.Warn, t.Icons.Warning+" Somebody changed it while you wrote. This is what they did:"
		body = e.diff.View(t.Icons.Ellipsis)
	}
	var lines []string
	for _, l := range widget.Lines(widget.Clean(head), w) {
		lines = append(lines, t.Tone(tone).Render(l))
	}
	if len(lines) > 2 {
		lines = lines[:2]
	}
	for len(lines) < 2 {
		lines = append(lines, "")
	}
	return widget.Block(append(lines, strings.Split(body, "\n")...), w, h, t.Icons.Ellipsis)
}

// paint gives the text area the theme's look.
func (e *editor) paint(t *theme.Theme) {
	s := textarea.StyleState{
		Base: t.Text, Text: t.Text, LineNumber: t.Tone(theme.Faint), CursorLineNumber: t.Tone(theme.Accent),
		CursorLine: t.Bold, EndOfBuffer: t.Tone(theme.Faint), Placeholder: t.Tone(theme.Muted), Prompt: t.Tone(theme.Muted), Selection: t.Selected,
	}
	styles := e.area.Styles()
	styles.Focused, styles.Blurred = s, s
	styles.Cursor.Blink = false
	e.area.SetStyles(styles)
}
