package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/detail"
	"kubarium/ui/etcd"
	"kubarium/ui/glass"
	"kubarium/ui/graph"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/tree"
	"kubarium/ui/watch"
)

// pointed are the objects of which the lesson speaks just now.
func (a *App) pointed() map[watch.Ref]bool {
	m, ok := a.lessons.(panel.Marker)
	if !ok || !a.panelOn {
		return nil
	}
	var all map[watch.Ref]bool
	for _, o := range m.MarkedObjects() {
		if all == nil {
			all = map[watch.Ref]bool{}
		}
		all[watch.Ref{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}] = true
	}
	return all
}

// markedKeys are the keys of which the lesson speaks just now.
func (a *App) markedKeys() []string {
	m, ok := a.lessons.(panel.Marker)
	if !ok || !a.panelOn {
		return nil
	}
	marked := m.MarkedKeys()
	if a.focus == layout.Panel {
		// The lesson speaks of keys of the panes; its own do something else.
		marked = slices.DeleteFunc(slices.Clone(marked), func(name string) bool {
			_, own := a.focused().Set.Find(name)
			return own
		})
	}
	return marked
}

// showLesson has what a lesson speaks of be seen: it is not if another namespace is chosen, or
// if a filter was left open.
func (a *App) showLesson(namespace string) tea.Cmd {
	other := a.ctx.Namespace != "" && a.ctx.Namespace != namespace
	if !other && a.ctx.Text == "" {
		return nil
	}
	a.ctx.Text = ""
	if other {
		a.ctx.Namespace = ""
	}
	a.say(theme.Muted, "all is shown again: the lesson is in the namespace "+namespace)
	return a.sync()
}

// openFor shows what a lesson wants to be seen from its start, and leaves the keys where
// they are.
func (a *App) openFor(names []string) tea.Cmd {
	if a.layout.PanelOver {
		// The lesson has the whole screen, and is to be read first.
		return nil
	}
	var cmds []tea.Cmd
	focus := a.focus
	for _, n := range names {
		name := layout.Name(n)
		if a.panes[name] != nil {
			if slices.Contains(a.layout.Tabs, name) {
				for _, other := range a.layout.Tabs {
					a.shown[other] = false
				}
			}
			a.shown[name] = true
			a.relayout()
			continue
		}
		if n == "map" && a.mapOn {
			continue
		}
		if run := (pageMsg{n}).run(); run != nil {
			cmds = append(cmds, run(a))
		}
	}
	if focus == layout.Panel {
		a.setFocus(focus)
	}
	return tea.Batch(append(cmds, a.sync())...)
}

// seen is what the user looks at now; nothing if it is the panes, which always show all.
func (a *App) seen() panel.LookedMsg {
	if a.booting || len(a.dialogs) > 0 {
		return panel.LookedMsg{}
	}
	switch s := a.top().(type) {
	case *detail.View:
		return a.seenDetail(s)
	case *resource.View:
		return panel.LookedMsg{View: "list", Resource: s.Kind().Resource, Namespace: a.ctx.Namespace}
	case *tree.View:
		ref := s.Ref()
		return panel.LookedMsg{View: "tree", Resource: a.plural(ref), Namespace: ref.Namespace, Name: ref.Name}
	case *glass.View:
		return panel.LookedMsg{View: "glass"}
	case *etcd.View:
		return panel.LookedMsg{View: "etcd"}
	case *graph.View:
		return panel.LookedMsg{View: "graphs"}
	}
	if a.focus == layout.Pods || a.focus == layout.Services || a.focus == layout.Events {
		return panel.LookedMsg{View: "list", Resource: string(a.focus), Namespace: a.ctx.Namespace}
	}
	return panel.LookedMsg{}
}

func (a *App) seenDetail(v *detail.View) panel.LookedMsg {
	view := strings.ToLower(string(v.Tab()))
	if v.Tab() == pane.Summary {
		// It has the same facts, and the events.
		view = "describe"
	}
	ref := v.Ref()
	if ref.Kind == "" {
		return panel.LookedMsg{View: view, Resource: "components"}
	}
	return panel.LookedMsg{View: view, Resource: a.plural(ref), Namespace: ref.Namespace, Name: ref.Name}
}

// plural is the resource of an object's kind.
func (a *App) plural(ref watch.Ref) string {
	if _, resource, ok := a.kindOf(ref); ok {
		return resource
	}
	return strings.ToLower(ref.Kind) + "s"
}

// tellSeen tells the lesson what else the user looks at now.
func (a *App) tellSeen() tea.Cmd {
	now := a.seen()
	if now == a.looking {
		return nil
	}
	a.looking = now
	if now.View == "" {
		return nil
	}
	return a.tell(now)
}
