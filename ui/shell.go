package ui

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/panel"
	"kubarium/ui/terminal"
	"kubarium/ui/theme"
)

// terminalKey goes to the terminal and back: the one key that a program in it does not
// get.
const terminalKey = "ctrl+t"

// inTerminal reports whether keys go to the terminal.
func (a *App) inTerminal() bool {
	return a.focus == layout.Terminal && a.room != layout.NoTerminal
}

// enterTerminal shows the terminal and goes there, with a shell if there is none; from
// there it goes back to the cluster.
func (a *App) enterTerminal() tea.Cmd {
	if a.inTerminal() {
		if a.room == layout.FullTerminal {
			a.room = layout.HalfTerminal
		}
		a.setFocus(layout.Tanks)
		a.relayout()
		return nil
	}
	if a.room == layout.NoTerminal {
		a.room = layout.HalfTerminal
	}
	a.line.Close()
	a.relayout()
	a.setFocus(layout.Terminal)
	return a.terminal.Open()
}

// sizeTerminal goes through the terminal's sizes: half, all, none.
func (a *App) sizeTerminal() tea.Cmd {
	switch a.room {
	case layout.NoTerminal:
		return a.enterTerminal()
	case layout.HalfTerminal:
		a.room = layout.FullTerminal
		a.relayout()
		a.setFocus(layout.Terminal)
		return a.terminal.Open()
	default:
		a.hideTerminal()
		return nil
	}
}

// hideTerminal gives its room back; the shell goes on.
func (a *App) hideTerminal() {
	a.room = layout.NoTerminal
	a.relayout()
	if a.focus == layout.Terminal {
		a.setFocus(layout.Tanks)
	}
	a.settle()
}

// noTerminal says why there is none.
func (a *App) noTerminal() string {
	switch {
	case a.opts.Shell == nil:
		return "there is no shell here"
	case a.config == nil:
		return "the cluster's network has no shell before the API server answers"
	}
	return ""
}

func (a *App) terminalKeys() keys.Set {
	return keys.Set{
		{Keys: []string{terminalKey}, Action: "terminal", Desc: "back to the cluster", Bar: true, Run: a.enterTerminal},
		{Keys: []string{"shift+pgup"}, Action: keys.Fixed, Desc: "older lines", Bar: true},
		{Keys: []string{"shift+pgdown"}, Action: keys.Fixed, Label: "shift+pgdn", Desc: "newer lines"},
		{Keys: []string{"drag"}, Action: keys.Fixed, Desc: "copy", Long: "mark text with the mouse: it goes to the clipboard", Bar: true},
	}
}

// fromTerminal takes what the terminal says.
func (a *App) fromTerminal(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case terminal.StartedMsg, terminal.ChangedMsg:
		return a.terminal.Update(msg)
	case terminal.EndedMsg:
		a.hideTerminal()
		a.say(theme.Muted, "the shell has ended")
	case terminal.RanMsg:
		return a.tell(panel.CommandRanMsg{Line: msg.Line, ExitCode: msg.Code, Output: msg.Output})
	}
	return nil
}

// terminalMouse gives the mouse to the terminal, where it also drags and lets go.
func (a *App) terminalMouse(msg tea.MouseMsg) tea.Cmd {
	r := a.layout.Rect(layout.Terminal)
	m := msg.Mouse()
	var cmd tea.Cmd
	if _, ok := msg.(tea.MouseClickMsg); ok && !a.inTerminal() {
		a.setFocus(layout.Terminal)
		cmd = a.terminal.Open()
	}
	return tea.Batch(cmd, a.terminal.Mouse(msg, m.X-r.X, m.Y-r.Y))
}
