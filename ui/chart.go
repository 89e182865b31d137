package ui

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// tanks is the pane that is the map.
func (a *App) tanks() *pane.Tanks {
	p, _ := a.panes[layout.Tanks].(*pane.Tanks)
	return p
}

// toggleMap gives the map all the room of the panes, or takes it away.
func (a *App) toggleMap() tea.Cmd {
	return a.closeScreens(func() tea.Cmd {
		if a.layout.PanelOver && a.panelOn {
			// The lesson covered it: it is to be seen now, whatever it was.
			a.panelOn, a.mapOn = false, false
		}
		a.mapOn = !a.mapOn
		a.setFocus(layout.Tanks)
		a.relayout()
		return nil
	})
}

// chooseService says whose pods the map marks: those of the service under the cursor
// of the list, else those of the one chosen on the map.
func (a *App) chooseService() {
	ref := a.tanks().Chosen()
	if list, ok := a.panes[layout.Services].(*pane.Services); ok && a.focus == layout.Services && a.top() == nil {
		ref = list.Chosen()
	}
	a.ctx.Service = serviceOf(a.ctx.Snapshot, ref)
}

func serviceOf(s *watch.Snapshot, ref watch.Ref) *facts.Service {
	if ref.Name == "" {
		return nil
	}
	for _, f := range s.Services {
		if f.Object.Name == ref.Name && f.Object.Namespace == ref.Namespace {
			return f
		}
	}
	return nil
}
