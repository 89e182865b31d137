package detail

import (
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/document"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
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
	e.leave = false
	more := 1
	if paste, ok := msg.(tea.PasteMsg); ok {
		more += strings.Count(paste.Content, "\n")
	}
	e.fit(e.area.LineCount() + more)
	var cmd tea.Cmd
	e.area, cmd = e.area.Update(msg)
	return tea.Batch(cmd, v.explain())
}

// field is the one in which the cursor stands, as far as what is written can be read.
func (e *editor) field() (document.Field, bool) {
	if e.stage != writing {
		return document.Field{}, false
	}
	if raw := e.area.Value(); e.read == nil || e.read.Raw() != strings.TrimRight(raw, "\n") {
		e.read = document.Read(raw)
	}
	return e.read.At(e.area.Line())
}

// editHelpRows is what of h rows explains the field under the cursor.
func (v *View) editHelpRows(h int) int {
	if !v.yaml.help.on || v.editor.stage != writing {
		return 0
	}
	return max(4, h*2/5)
}

// EditKeys are the keys of the editor, at all its stages.
func EditKeys(ctx *pane.Context) keys.Set {
	v := &View{ctx: ctx, editor: &editor{}}
	var all keys.Set
	for s := fetching; s <= saving; s++ {
		v.editor.stage = s
		all = append(all, v.stageKeys()...)
	}
	return all
}

// editBindings are the keys of the editor, as the user has them.
func (v *View) editBindings() keys.Set {
	set := v.stageKeys()
	if v.editor.stage == writing {
		return v.ctx.Keys.Typing(set)
	}
	return set
}

func (v *View) stageKeys() keys.Set {
	e := v.editor
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return nil }
	}
	scroll := keys.Scrolling(e.diff.Scroll, e.diff.Page)
	write := func() tea.Cmd { e.stage = writing; return e.area.Focus() }
	switch e.stage {
	case writing:
		return append(keys.Set{
			{Keys: []string{"ctrl+s"}, Desc: "check", Long: "have the server check what is written, and show what would change", Bar: true, Run: v.check},
			{Keys: []string{"f1"}, Desc: "explain", Long: "say what the field under the cursor is for, as the server documents it", Bar: true, Run: v.toggleHelp},
			{Keys: []string{"esc"}, Desc: "leave", Long: "leave everything as it is", Bar: true, Run: v.leaveText},
		}, v.helpBindings()...)
	case reviewing:
		return append(keys.Set{
			{Keys: []string{"enter", "y"}, Label: "enter", Desc: "save", Long: "change the object like that", Bar: true, Run: func() tea.Cmd { e.stage = saving; return v.put(saving, false) }},
			{Keys: []string{"esc"}, Desc: "write on", Long: "go back to the text", Bar: true, Run: write},
		}, scroll...)
	case conflict:
		return append(keys.Set{
			{Keys: []string{"m", "enter"}, Label: "enter", Desc: "put mine on top", Long: "make your changes to what is there now", Bar: true, Run: v.merge},
			{Keys: []string{"t"}, Desc: "take theirs", Long: "throw your changes away, and write on what is there now", Bar: true, Run: v.fetch},
			{Keys: []string{"esc"}, Desc: "write on", Long: "go back to the text", Bar: true, Run: write},
		}, scroll...)
	case checking, saving:
		return keys.Set{{Keys: []string{"esc"}, Desc: "cancel", Long: "do not wait for the server, and go back to the text", Bar: true, Run: do(func() { v.Cancel() })}}
	}
	return keys.Set{{Keys: []string{"esc"}, Desc: "leave", Bar: true, Run: v.stopEditing}}
}

// leaveText leaves the editor; over a changed text, at the second time.
func (v *View) leaveText() tea.Cmd {
	e := v.editor
	if e.leave || !v.Unsaved() {
		return v.stopEditing()
	}
	e.leave = true
	return nil
}

// fit makes the numbers of so many lines equally wide: in YAML the columns count.
func (e *editor) fit(lines int) {
	// The text area counts its lines' digits by how many it may have.
	most := 999
	for most < lines {
		most = 10*most + 9
	}
	if most != e.area.MaxHeight {
		e.area.MaxHeight = most
		e.area.SetWidth(e.w)
	}
}

// scroll moves in what is read or written.
func (e *editor) scroll(by int) {
	if e.stage != writing {
		e.diff.Scroll(by)
		return
	}
	for ; by > 0; by-- {
		e.area.CursorDown()
	}
	for ; by < 0; by++ {
		e.area.CursorUp()
	}
}

// click puts the cursor where the mouse is, in cells of the text.
func (e *editor) click(x, y int) {
	if e.stage == writing && y >= 0 && y < e.area.Height() {
		e.area.BeginSelection(x, y)
		e.area.EndSelection()
	}
}

func (e *editor) setSize(w, h int) {
	e.w = w
	e.area.SetWidth(w)
	e.area.SetHeight(max(1, h-editHead))
	e.diff.SetSize(w, max(1, h-editHead))
}

// editBody draws the editor: what it is about, and below what is to be read or written.
func (v *View) editBody(w, h int) string {
	e, t := v.editor, v.ctx.Theme
	lines := v.head(w, h)
	body := ""
	switch e.stage {
	case writing:
		e.paint(t)
		rows := v.editHelpRows(h)
		e.area.SetHeight(max(1, h-len(lines)-rows))
		body = e.area.View()
		if rows > 0 {
			body += "\n" + v.helpBox(w, rows)
		}
	case checking:
		body = e.area.View()
	case reviewing, saving, conflict:
		body = e.diff.View(t.Icons.Ellipsis)
	}
	return widget.Block(append(lines, strings.Split(body, "\n")...), w, h, t.Icons.Ellipsis)
}

// paint gives the text area the theme's look.
func (e *editor) paint(t *theme.Theme) {
	text, faint, muted := t.Text.Style(), t.Tone(theme.Faint).Style(), t.Tone(theme.Muted).Style()
	s := textarea.StyleState{
		Base: text, Text: text, LineNumber: faint, CursorLineNumber: t.Tone(theme.Accent).Style(),
		CursorLine: t.Bold.Style(), EndOfBuffer: faint, Placeholder: muted, Prompt: muted, Selection: t.Selected.Style(),
	}
	styles := e.area.Styles()
	styles.Focused, styles.Blurred = s, s
	styles.Cursor.Blink = false
	e.area.SetStyles(styles)
}
