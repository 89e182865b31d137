package ui

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
)

// ring is the order in which tab moves the focus.
func ring() []layout.Name {
	return []layout.Name{
		layout.Components, layout.Tanks, layout.Pods, layout.Services, layout.Events,
		layout.Output, layout.Panel,
	}
}

// relayout cuts the screen anew and tells everything its room.
func (a *App) relayout() {
	if a.w == 0 {
		return
	}
	if a.line.Docked() {
		// Of the two docks there is the one that was opened last.
		a.room = layout.NoTerminal
	}
	most := 0
	for _, n := range a.ctx.Snapshot.Nodes {
		most = max(most, len(n.Pods))
	}
	a.layout = layout.Compute(a.w, a.h, layout.Options{
		Panel: a.panelOn && a.lessons != nil, Output: a.line.Docked(), Terminal: a.room, Map: a.mapOn,
		Nodes: len(a.ctx.Snapshot.Nodes), PodsPerNode: most,
	})
	for name, p := range a.panes {
		r := a.paneRect(name)
		p.SetSize(r.W, r.H)
	}
	out := a.layout.Rect(layout.Output)
	if out.Empty() {
		out.W = a.w
	}
	a.line.SetSize(out.W, out.H)
	if t := a.layout.Rect(layout.Terminal); !t.Empty() {
		a.terminal.Resize(t.W, t.H)
	}
	for _, s := range a.screens {
		r := a.screenRect()
		s.SetSize(r.W, r.H)
	}
	a.settle()
}

// paneRect is the room of a pane. The tanks have no frame that tabs could be in:
// these take a line of their own.
func (a *App) paneRect(n layout.Name) layout.Rect {
	r := a.layout.Rect(n)
	if n == layout.Tanks && a.layout.Tabbed(n) {
		r.Y++
		r.H--
	}
	return r
}

// screenRect is the room of a screen: that of all panes.
func (a *App) screenRect() layout.Rect {
	r := layout.Rect{X: 0, Y: 1, W: a.w, H: a.h - 2}
	if p := a.layout.Rect(layout.Panel); !p.Empty() && !a.layout.PanelOver {
		r.W = p.X
	}
	for _, dock := range []layout.Name{layout.Output, layout.Terminal} {
		if o := a.layout.Rect(dock); !o.Empty() {
			r.H = max(0, o.Y-1)
		}
	}
	return r
}

// onScreen reports whether a pane can have the focus.
func (a *App) onScreen(n layout.Name) bool {
	if n == layout.Panel {
		return a.panelOn && a.lessons != nil && !a.layout.Rect(n).Empty()
	}
	if n == layout.Output {
		return a.line.Docked()
	}
	if n == layout.Terminal {
		return a.room != layout.NoTerminal
	}
	if a.layout.PanelOver || a.top() != nil {
		return false
	}
	return !a.layout.Rect(n).Empty()
}

// visible reports whether a pane is drawn: of those that share a rectangle, the
// one that had the focus last.
func (a *App) visible(n layout.Name) bool {
	if !a.onScreen(n) {
		return false
	}
	return !a.layout.Tabbed(n) || a.tabShown() == n
}

func (a *App) tabShown() layout.Name {
	for _, t := range a.layout.Tabs {
		if t == a.focus {
			return t
		}
	}
	for _, t := range a.layout.Tabs {
		if a.shown[t] {
			return t
		}
	}
	if len(a.layout.Tabs) == 0 {
		return ""
	}
	return a.layout.Tabs[0]
}

// settle moves the focus to a pane that is on the screen, if it is on none.
func (a *App) settle() {
	if a.onScreen(a.focus) || a.top() != nil && a.focus != layout.Panel && a.focus != layout.Output {
		return
	}
	for _, n := range []layout.Name{layout.Panel, layout.Tanks, layout.Pods} {
		if n == layout.Panel && !a.layout.PanelOver {
			continue
		}
		if a.onScreen(n) {
			a.setFocus(n)
			return
		}
	}
	a.setFocus(layout.Tanks)
}

// setFocus gives a pane the focus.
func (a *App) setFocus(n layout.Name) {
	if n == a.focus {
		return
	}
	if a.lessons != nil && (a.focus == layout.Panel || n == layout.Panel) {
		a.lessons.Focused(n == layout.Panel)
	}
	a.focus = n
	for _, t := range a.layout.Tabs {
		if t == n {
			for _, other := range a.layout.Tabs {
				a.shown[other] = other == n
			}
		}
	}
}

// turn moves the focus around the ring.
func (a *App) turn(by int) tea.Cmd {
	order := ring()
	at := 0
	for i, n := range order {
		if n == a.focus {
			at = i
		}
	}
	for range order {
		at = (at + by + len(order)) % len(order)
		if a.onScreen(order[at]) {
			a.setFocus(order[at])
			break
		}
	}
	return nil
}

// leave moves the focus to the nearest pane on that side.
func (a *App) leave(msg pane.LeaveMsg) {
	from := a.layout.Rect(a.focus)
	if a.layout.Tabbed(a.focus) && msg.DX != 0 {
		a.leaveTab(msg.DX)
		return
	}
	best, nearest := layout.Name(""), 1<<30
	for _, n := range ring() {
		if n == a.focus || !a.visible(n) {
			continue
		}
		r := a.layout.Rect(n)
		dx, dy := (r.X+r.W/2)-(from.X+from.W/2), (r.Y+r.H/2)-(from.Y+from.H/2)
		ahead := msg.DX > 0 && r.X >= from.Right() || msg.DX < 0 && r.Right() <= from.X ||
			msg.DY > 0 && r.Y >= from.Bottom() || msg.DY < 0 && r.Bottom() <= from.Y
		if d := dx*dx + 4*dy*dy; ahead && d < nearest {
			best, nearest = n, d
		}
	}
	if best != "" {
		a.setFocus(best)
	}
}

// leaveTab moves among the panes that share a rectangle.
func (a *App) leaveTab(by int) {
	tabs := a.layout.Tabs
	for i, t := range tabs {
		if t == a.focus && i+by >= 0 && i+by < len(tabs) {
			a.setFocus(tabs[i+by])
			return
		}
	}
}

// showPanel shows or hides the panel, and gives it the focus or takes it away.
func (a *App) showPanel(on bool) {
	if a.lessons == nil {
		return
	}
	a.panelOn = on
	a.relayout()
	if on {
		a.setFocus(layout.Panel)
	} else if a.focus == layout.Panel {
		a.setFocus(layout.Tanks)
	}
	a.settle()
}

// capturing reports whether the panel reads text.
func (a *App) capturing() bool {
	c, ok := a.lessons.(panel.Capturer)
	return ok && a.focus == layout.Panel && c.Capturing()
}
