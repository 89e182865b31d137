package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/layout"
)

// screen is a view that takes the room of all panes, such as an object or the table of a
// kind. Screens lie on each other; esc leads back to the one below, in the end to the
// panes.
type screen interface {
	// Title names the screen on the help page.
	Title() string
	// SetSize tells the room for the next View, frame included.
	SetSize(w, h int)
	View() string
	Bindings() keys.Set
	// Click is a mouse click inside the screen, Scroll a turn of its wheel.
	Click(x, y int) tea.Cmd
	Scroll(by int)
	// Sync takes over what has changed in the pane.Context.
	Sync() tea.Cmd
	// Update takes messages of the screen's own commands; others it leaves alone.
	Update(msg tea.Msg) tea.Cmd
	// Close ends what the screen has running.
	Close()
}

// filtered is a screen whose content the filter and the namespace choose.
type filtered interface{ Filtered() bool }

// typed is a screen into which text can be typed: then all keys but ctrl+c are its own.
type typed interface{ Typing() bool }

// typing reports whether keys go to the screen as text.
func (a *App) typing() bool {
	t, ok := a.top().(typed)
	return ok && t.Typing() && a.focus != layout.Panel && a.focus != layout.Output
}

// top is the screen that is seen; nil if the panes are.
func (a *App) top() screen {
	if n := len(a.screens); n > 0 {
		return a.screens[n-1]
	}
	return nil
}

// pushScreen shows a screen over what is there.
func (a *App) pushScreen(s screen) {
	a.screens = append(a.screens, s)
	if a.layout.PanelOver {
		a.panelOn = false
	}
	if a.focus == layout.Panel || a.focus == layout.Output {
		a.setFocus(layout.Tanks)
	}
	a.relayout()
}

// keeper is a screen that may hold what is lost with it.
type keeper interface{ Unsaved() bool }

// unsaved reports whether something would be lost with the screens.
func unsaved(screens []screen) bool {
	return slices.ContainsFunc(screens, func(s screen) bool {
		k, ok := s.(keeper)
		return ok && k.Unsaved()
	})
}

// leaving does what ends the screens; it asks first if something would be lost with them.
func (a *App) leaving(screens []screen, do func() tea.Cmd) tea.Cmd {
	if !unsaved(screens) {
		return do()
	}
	a.push(&confirm{title: "Throw your changes away?", text: "What you wrote is not saved.", yes: "throw them away", leaves: true, do: func(*App) tea.Cmd { return do() }})
	return nil
}

// popScreen goes back to what is below.
func (a *App) popScreen() {
	if s := a.top(); s != nil {
		s.Close()
		a.screens = a.screens[:len(a.screens)-1]
		a.relayout()
	}
}

// closeTop leaves the screen that is seen. It may be another one than that whose key asked for it,
// if keys came fast.
func (a *App) closeTop() tea.Cmd {
	return a.leaving(a.screens[max(0, len(a.screens)-1):], func() tea.Cmd { a.popScreen(); return a.sync() })
}

// closeScreens goes back to the panes, and then does what is wanted there.
func (a *App) closeScreens(then func() tea.Cmd) tea.Cmd {
	return a.leaving(a.screens, func() tea.Cmd {
		for len(a.screens) > 0 {
			a.popScreen()
		}
		return then()
	})
}

// tellScreens gives a message to all screens: a command may have been begun by one that
// is covered now.
func (a *App) tellScreens(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	for _, s := range a.screens {
		cmds = append(cmds, s.Update(msg))
	}
	return tea.Batch(cmds...)
}
