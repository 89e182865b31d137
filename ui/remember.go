package ui

import (
	"encoding/json"
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/glass"
	"kubarium/ui/graph"
	"kubarium/ui/layout"
	"kubarium/ui/resource"
)

// Memory is how the user left the app, for its next start.
type Memory struct {
	Namespace string      `json:"namespace,omitempty"`
	Filter    string      `json:"filter,omitempty"`
	Focus     layout.Name `json:"focus,omitempty"`
	Map       bool        `json:"map,omitempty"`
	// Panel is whether the lessons are shown.
	Panel *bool `json:"panel,omitempty"`
	// Kind is that of the table that is shown; "" is none.
	Kind string `json:"kind,omitempty"`
	// Look is how that table was arranged.
	Look resource.Look `json:"look,omitzero"`
	// Page is that of the app's own pages that is shown, by the name that one types; "" is none.
	Page string `json:"page,omitempty"`
	// Theme was chosen in the app, where the settings say Instead.
	Theme   string `json:"theme,omitempty"`
	Instead string `json:"instead,omitempty"`
}

// ParseMemory reads what Encode wrote. Of what is damaged, nothing is remembered: it must
// not keep anybody from starting the app.
func ParseMemory(data []byte) Memory {
	var m Memory
	if json.Unmarshal(data, &m) != nil {
		return Memory{}
	}
	return m
}

// Encode is the memory as it is kept.
func (m Memory) Encode() []byte {
	// Strings and booleans can always be encoded.
	data, _ := json.MarshalIndent(m, "", "  ")
	return append(data, '\n')
}

// recall begins where the user left.
func (a *App) recall(m Memory) {
	a.ctx.Namespace, a.ctx.Text, a.mapOn = m.Namespace, m.Filter, m.Map
	if p := a.panes[m.Focus]; p != nil {
		a.focus = m.Focus
	}
	a.memory = m
	a.configured = a.opts.Theme
	if m.Theme != "" && m.Instead == a.opts.Theme && slices.Contains(a.opts.themes(), m.Theme) {
		a.opts.Theme = m.Theme
		a.recolour()
	}
}

// recallPanel says whether the panel is shown at first, if it would be by the room there is.
func (a *App) recallPanel(on bool) bool {
	if on && a.memory.Panel != nil {
		return *a.memory.Panel
	}
	return on
}

// recallNamespace forgets a namespace that is no more: nobody would know why nothing is
// shown.
func (a *App) recallNamespace() {
	if a.memory.Namespace == "" || len(a.ctx.Snapshot.Namespaces) == 0 {
		return
	}
	if a.ctx.Namespace == a.memory.Namespace && !slices.Contains(a.ctx.Snapshot.Namespaces, a.ctx.Namespace) {
		a.ctx.Namespace = ""
	}
	a.memory.Namespace = ""
}

// recallScreen shows the table that was shown, as soon as its kind is known, or the page.
func (a *App) recallScreen() tea.Cmd {
	m := a.memory
	a.memory.Kind, a.memory.Page = "", ""
	if len(a.screens) > 0 {
		return nil
	}
	switch {
	case m.Page == pageGraphs && a.gauges != nil:
		return a.openGraphs()
	case m.Page == pageGlass && a.noGlass() == "":
		return a.openGlass()
	}
	kind, ok := a.catalog.Find(m.Kind)
	if !ok || m.Kind == "" || a.tables == nil {
		return nil
	}
	query, err := m.Look.Query(a.ctx.Namespace)
	if err != nil {
		query = resource.Query{Namespace: a.ctx.Namespace}
	}
	text := a.ctx.Text
	cmd := a.browse(browseMsg{kind: kind, query: query})
	a.ctx.Text = text
	if table := a.tableTop(); table != nil {
		table.Arrange(m.Look)
	}
	return tea.Batch(cmd, a.sync())
}

// remember is how the user leaves the app.
func (a *App) remember() Memory {
	m := Memory{Namespace: a.ctx.Namespace, Filter: a.ctx.Text, Focus: a.focus, Map: a.mapOn, Panel: a.memory.Panel}
	if a.lessons != nil && !a.layout.PanelOver && a.w > 0 {
		on := a.panelOn
		m.Panel = &on
	}
	for _, s := range a.screens {
		switch s := s.(type) {
		case *resource.View:
			m.Kind, m.Look = s.Kind().Title(), s.Look()
		case *graph.View:
			m.Page = pageGraphs
		case *glass.View:
			m.Page = pageGlass
		}
	}
	if a.opts.Theme != a.configured {
		m.Theme, m.Instead = a.opts.Theme, a.configured
	}
	return m
}
