package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/gauge"
	"kubarium/ui/graph"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
)

// openGraphs shows the graphs.
func (a *App) openGraphs() tea.Cmd {
	if a.gauges == nil {
		a.say(theme.Warn, "the API server has not answered yet")
		return nil
	}
	if _, open := a.top().(*graph.View); !open {
		a.pushScreen(graph.Open(a.ctx, a.gauges.Want))
	}
	return nil
}

// measured takes over what the gauges say.
func (a *App) measured(r gauge.Report) tea.Cmd {
	a.ctx.Rates = r.Rates
	a.ctx.Load = make(map[string]pane.Load, len(r.Nodes))
	for name, u := range r.Nodes {
		a.ctx.Load[name] = pane.Load{CPU: int64(u.CPU*1000 + 0.5), Memory: int64(u.Memory)}
	}
	return a.tellScreens(r)
}

// pageMsg asks for one of the app's own pages by its name, as it is typed.
type pageMsg struct{ name string }

// run shows the page; nil if there is none of that name.
func (m pageMsg) run() func(*App) tea.Cmd {
	words := strings.Fields(m.name)
	if len(words) > 0 && len(words) < 3 && words[0] == "etcd" {
		prefix := strings.Join(words[1:], "")
		return func(a *App) tea.Cmd { return a.openEtcd(prefix) }
	}
	switch strings.TrimSpace(m.name) {
	case "graphs":
		return (*App).openGraphs
	case "glass":
		return (*App).openGlass
	case "map":
		return (*App).toggleMap
	}
	return nil
}
