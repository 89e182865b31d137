package ui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/layout"
)

// key gives a key to the first that takes it: what is typed into, dialogs, what
// has the focus, then the app.
func (a *App) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	if name == "ctrl+c" && (!a.inTerminal() || len(a.dialogs) > 0) {
		return a.interrupt()
	}
	if n := len(a.dialogs); n > 0 {
		return a.dialogKey(a.dialogs[n-1], msg)
	}
	switch {
	case a.layout.TooSmall:
		if name == "q" && !unsaved(a.screens) {
			a.quit = true
		}
		return nil
	case a.booting:
		return a.bootKey(name)
	case a.line.Open():
		cmd := a.line.Update(msg)
		a.relayout()
		return cmd
	case a.filters.open:
		return a.filterKey(msg)
	case a.inTerminal() && !a.isFor("terminal", name):
		return a.terminal.Key(msg)
	case a.capturing() && !(a.isFor("lesson", name) && typesNothing(name)):
		return a.lessons.Update(msg)
	case a.typing():
		return a.top().Update(msg)
	}
	if a.past != nil && a.focus != layout.Panel {
		return a.pastKey(name)
	}
	onPanel := a.focus == layout.Panel && a.panelOn && a.lessons != nil
	if onPanel {
		// What the panel says a key does, it does: its keys come before the app's.
		_, own := fromPanel(a.lessons.Keys()).Find(name)
		if b, ok := a.globals().Find(name); own || !ok || name == "esc" || b.Run == nil {
			return a.lessons.Update(msg)
		}
	} else if cmd, ok := a.focused().Set.Dispatch(name); ok {
		if a.top() == nil && a.panes[a.focus] != nil {
			// What a pane does for a key it does to itself; for the rest it sends a message.
			a.paint.moved = a.focus
		}
		return cmd
	}
	cmd, _ := a.globals().Dispatch(name)
	return cmd
}

// interrupt is ctrl+c: it stops what runs in the command line, or leaves. Over a question that
// tells what would be lost it is a yes.
func (a *App) interrupt() tea.Cmd {
	if a.line.Interrupt() || a.cancelDoing() || a.cancelScreen() {
		return nil
	}
	screens := a.screens
	if n := len(a.dialogs); n > 0 {
		if d, ok := a.dialogs[n-1].(*confirm); ok && d.leaves {
			screens = nil
		}
	}
	return a.leaving(screens, func() tea.Cmd { a.quit = true; return nil })
}

func (a *App) bootKey(name string) tea.Cmd {
	switch {
	case name == "enter":
		a.booting = false
	case a.isFor("quit", name):
		a.askQuit()
	case a.isFor("lesson", name):
		a.booting = false
		a.showPanel(true)
	}
	return nil
}

func (a *App) paste(msg tea.PasteMsg) tea.Cmd {
	// A name is often copied with the end of its line, which no name has.
	word := tea.PasteMsg{Content: strings.TrimSpace(msg.Content)}
	if n := len(a.dialogs); n > 0 {
		if d, ok := a.dialogs[n-1].(*finder); ok {
			return d.edit(word)
		}
		return nil
	}
	switch {
	case a.layout.TooSmall || a.booting:
		return nil
	case a.line.Open():
		return a.line.Update(msg)
	case a.filters.open:
		return a.editFilter(word)
	case a.inTerminal():
		a.terminal.Type(msg.Content)
	case a.capturing():
		return a.lessons.Update(msg)
	case a.typing():
		return a.top().Update(msg)
	}
	return nil
}

// mouse gives a click or a turn of the wheel to what is under it.
func (a *App) mouse(msg tea.MouseMsg) tea.Cmd {
	if a.layout.TooSmall {
		return nil
	}
	m := msg.Mouse()
	switch {
	case len(a.dialogs) > 0:
		return a.dialogMouse(a.dialogs[len(a.dialogs)-1], msg)
	case a.booting:
		return a.bootClick(msg)
	}
	at := a.under(m.X, m.Y)
	switch _, pressed := msg.(tea.MouseClickMsg); {
	case at == layout.Terminal, a.inTerminal() && !pressed && drags(msg):
		return a.terminalMouse(msg)
	case at == layout.Panel:
		return a.panelMouse(msg)
	case at == layout.Keys && pressed && m.Button == tea.MouseLeft:
		return a.clickBar(m.X - a.layout.Rect(layout.Keys).X)
	}
	switch msg.(type) {
	case tea.MouseClickMsg:
		if m.Button != tea.MouseLeft {
			break
		}
		if cmd := a.click(at, m.X, m.Y); a.past == nil {
			return cmd
		} else if cmd != nil {
			// One looks around in the past, as with the keys; nothing is opened.
			a.sayPast()
		}
	case tea.MouseWheelMsg:
		by := 3
		if m.Button == tea.MouseWheelUp {
			by = -3
		}
		a.wheel(at, by)
	}
	return nil
}

// drags reports whether the mouse is moved or let go, which is for where it was pressed.
func drags(msg tea.MouseMsg) bool {
	switch msg.(type) {
	case tea.MouseMotionMsg, tea.MouseReleaseMsg:
		return true
	}
	return false
}

// under names what is drawn at a cell.
func (a *App) under(x, y int) layout.Name {
	n := a.layout.Hit(x, y)
	if a.layout.Tabbed(n) {
		return a.tabShown()
	}
	return n
}

func (a *App) click(at layout.Name, x, y int) tea.Cmd {
	switch {
	case at == layout.Output:
		a.setFocus(at)
	case a.top() != nil:
		r := a.screenRect()
		if r.Contains(x, y) {
			a.setFocus(layout.Tanks)
			return a.top().Click(x-r.X, y-r.Y)
		}
	case a.panes[at] != nil:
		r := a.layout.Rect(at)
		if a.layout.Tabbed(at) && y == r.Y {
			if tab := a.tabAt(x - r.X); tab != "" {
				a.setFocus(tab)
				return nil
			}
		}
		if a.focus != at {
			// The first click says where; only a second one on the same thing opens it.
			a.setFocus(at)
		}
		p := a.paneRect(at)
		return a.panes[at].Click(x-p.X, y-p.Y)
	}
	return nil
}

func (a *App) wheel(at layout.Name, by int) {
	switch {
	case at == layout.Output:
		a.line.Scroll(by)
	case a.top() != nil:
		a.top().Scroll(by)
	case a.panes[at] != nil:
		a.panes[at].Wheel(by)
	}
}

func (a *App) panelMouse(msg tea.MouseMsg) tea.Cmd {
	r := a.layout.Rect(layout.Panel)
	switch m := msg.(type) {
	case tea.MouseClickMsg:
		a.setFocus(layout.Panel)
		m.X, m.Y = m.X-r.X-2, m.Y-r.Y-1
		return a.lessons.Update(m)
	case tea.MouseWheelMsg:
		m.X, m.Y = m.X-r.X-2, m.Y-r.Y-1
		return a.lessons.Update(m)
	}
	return nil
}

// wheelTime is the least time between two turns of the wheel that count.
const wheelTime = 16 * time.Millisecond

// filter keeps a fast wheel from flooding the queue. It runs before Update, in
// the same goroutine.
func (a *App) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	switch msg.(type) {
	case tea.MouseMotionMsg, tea.MouseReleaseMsg:
		if !a.inTerminal() {
			return nil
		}
	case tea.MouseWheelMsg:
		now := a.now()
		if now.Sub(a.wheeled) < wheelTime {
			return nil
		}
		a.wheeled = now
	}
	return msg
}
