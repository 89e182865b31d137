package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/gauge"
	"kubarium/ui/graph"
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
	a.measures = gauge.Report{Rates: r.Rates, Nodes: r.Nodes, Pods: r.Pods}
	a.showMeasures()
	return a.tellScreens(r)
}

// showMeasures has the panes show what was measured last. Of the past nobody knows it.
func (a *App) showMeasures() {
	shown := a.measures
	if a.past != nil && a.past.shown != 0 {
		shown = gauge.Report{}
	}
	a.ctx.Rates, a.ctx.NodeUse, a.ctx.PodUse = shown.Rates, shown.Nodes, shown.Pods
}

// pageMsg asks for one of the app's own pages by its name, as it is typed.
type pageMsg struct{ name string }

// The names of pages that are shown again at the next start.
const pageGraphs, pageGlass = "graphs", "glass"

// run shows the page; nil if there is none of that name.
func (m pageMsg) run() func(*App) tea.Cmd {
	words := strings.Fields(m.name)
	if len(words) > 0 && len(words) < 3 && words[0] == "etcd" {
		prefix := strings.Join(words[1:], "")
		return func(a *App) tea.Cmd { return a.openEtcd(prefix) }
	}
	switch strings.TrimSpace(m.name) {
	case pageGraphs:
		return (*App).openGraphs
	case pageGlass:
		return (*App).openGlass
	case "map":
		return (*App).toggleMap
	}
	return nil
}
