package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
)

// globals are the keys that work everywhere but in a dialog and while typing.
func (a *App) globals() keys.Set { return a.opts.Keys.Apply(a.globalKeys()) }

func (a *App) globalKeys() keys.Set {
	goTo := func(n layout.Name) func() tea.Cmd {
		return func() tea.Cmd { return a.closeScreens(func() tea.Cmd { a.goTo(n); return nil }) }
	}
	noLessons := func() string {
		if a.lessons == nil {
			return "there are no lessons here"
		}
		return ""
	}
	panelDesc, panelLong := "lesson", "show or hide the lesson; on a narrow screen it takes the cluster's place"
	// What covers the cluster says how one gets back to it.
	covers := a.panelOn && a.layout.PanelOver && a.focus == layout.Panel
	if covers {
		panelDesc = "the cluster"
	}
	return keys.Set{
		{Keys: []string{":"}, Action: "command", Desc: "kubectl", Long: "type a kubectl command, or a kind to see its objects: po, deploy shop, svc -l app=web", Bar: true, Always: true, Run: func() tea.Cmd { return a.prompt("") }},
		{Keys: []string{"/"}, Desc: "filter", Long: "show only what contains a text, or not (!text), or what labels and fields select (-l app=web)", Bar: true, Disabled: a.covered, Run: a.startFilter},
		{Keys: []string{"ctrl+p"}, Desc: "find", Long: "find an object, a kind or an action by some of its letters", Run: a.openFinder},
		{Keys: []string{"n"}, Desc: "namespace", Long: "show only one namespace, or all", Bar: true, Disabled: a.covered, Run: func() tea.Cmd { a.pickNamespace(); return nil }},
		{Keys: []string{"tab"}, Desc: "next pane", Run: func() tea.Cmd { return a.turn(1) }},
		{Keys: []string{"shift+tab"}, Desc: "pane before", Run: func() tea.Cmd { return a.turn(-1) }},
		{Keys: []string{"1"}, Desc: "control plane", Run: goTo(layout.Components)},
		{Keys: []string{"2"}, Desc: "nodes", Run: goTo(layout.Tanks)},
		{Keys: []string{"3"}, Desc: "pods", Run: goTo(layout.Pods)},
		{Keys: []string{"4"}, Desc: "services", Run: goTo(layout.Services)},
		{Keys: []string{"5"}, Desc: "events", Run: goTo(layout.Events)},
		{Keys: []string{"m"}, Desc: "map", Long: "give the map the whole screen, or the lists their place", Bar: true, Run: a.toggleMap},
		{Keys: []string{"g", "ctrl+g"}, Desc: "graphs", Long: "show what nodes and pods use, and what is asked of the control plane", Run: a.openGraphs},
		{Keys: []string{"I"}, Desc: "glass", Long: "see inside: requests, writes to etcd, the scheduler, controllers and kubelets at work", Disabled: a.noGlass, Run: a.openGlass},
		{Keys: []string{"P"}, Desc: "packet", Long: "send a packet from the selected pod, or to the selected service, and draw its way hop by hop", Disabled: a.noPackets, Run: a.choosePacket},
		{Keys: []string{"c"}, Desc: "copy", Long: "copy to the clipboard: the selected name, the YAML, or a log's lowest line", Bar: a.canCopy(), Run: a.copy},
		{Keys: []string{"z", "f9"}, Action: "freeze", Desc: a.freezeDesc(), Long: "stop the whole world where it is while you read, or let it go on", Bar: a.frozen(), Disabled: a.noFreezer, Run: a.toggleFreeze},
		{Keys: []string{"L", "f2"}, Action: "lesson", Desc: panelDesc, Long: panelLong, Bar: a.lessons != nil, Always: covers, Disabled: noLessons, Run: func() tea.Cmd { a.showPanel(!a.panelOn || a.focus != layout.Panel); return nil }},
		{Keys: []string{terminalKey}, Desc: "terminal", Long: "a shell of yours in the cluster's network; the same key leads back", Bar: true, Disabled: a.noTerminal, Run: a.enterTerminal},
		{Keys: []string{"T"}, Desc: "terminal's size", Long: "give the terminal half of the screen, all of it, or none", Disabled: a.noTerminal, Run: a.sizeTerminal},
		{Keys: []string{"u"}, Desc: "undo", Long: "take your last change to the cluster back, after a question", Disabled: a.noRewinder, Run: a.askUndo},
		{Keys: []string{"ctrl+y"}, Desc: "redo", Long: "take the last undo back", Disabled: a.noRewinder, Run: a.redo},
		{Keys: []string{"<", "["}, Label: "<", Desc: "rewind", Long: "show the cluster as it was before: < and > go through its moments, esc returns to now", Disabled: a.noPast, Run: a.stepPast(-1)},
		{Keys: []string{"!"}, Desc: "what was said", Long: "read again what the app has said, errors too", Run: a.openSaid},
		{Keys: []string{"esc"}, Desc: "clear", Long: "clear the filter, then close kubectl's dock", Run: a.escape},
		{Keys: []string{"t"}, Desc: "theme", Long: "change the colours: dark, light, high contrast, the terminal's own", Run: a.nextTheme},
		{Keys: []string{"?"}, Desc: "help", Long: "all keys, and what the signs mean", Bar: true, Always: true, Run: func() tea.Cmd { a.push(a.newHelp()); return nil }},
		{Keys: []string{"q"}, Desc: "quit", Long: "leave and stop the cluster, after a question", Bar: true, Run: func() tea.Cmd { a.askQuit(); return nil }},
		{Keys: []string{"ctrl+c"}, Action: keys.Fixed, Desc: "quit now", Long: "stop kubectl or the action that runs, else leave at once"},
	}
}

// goTo gives a pane the focus, and makes it seen.
func (a *App) goTo(n layout.Name) {
	if a.layout.PanelOver && n != layout.Panel {
		a.panelOn = false
		a.relayout()
	}
	if a.mapOn && n != layout.Components && n != layout.Tanks && n != layout.Panel {
		a.mapOn = false
		a.relayout()
	}
	a.setFocus(n)
}

// covered says why keys for the panes do nothing while something covers them.
func (a *App) covered() string {
	if f, ok := a.top().(filtered); a.top() != nil && (!ok || !f.Filtered()) {
		return "not in the detail view: esc goes back"
	}
	return ""
}

// focused are the keys of what has the focus.
func (a *App) focused() keys.Group {
	g := a.focusedKeys()
	g.Set = a.opts.Keys.Apply(g.Set)
	return g
}

func (a *App) focusedKeys() keys.Group {
	switch {
	case a.focus == layout.Panel && a.panelOn && a.lessons != nil:
		return keys.Group{Title: a.lessons.Title(), Set: fromPanel(a.lessons.Keys())}
	case a.inTerminal():
		return keys.Group{Title: "terminal", Set: a.terminalKeys()}
	case a.focus == layout.Output && a.line.Docked():
		return keys.Group{Title: "kubectl", Set: a.dockKeys()}
	case a.top() != nil:
		return keys.Group{Title: a.top().Title(), Set: a.top().Bindings()}
	}
	p := a.panes[a.focus]
	if p == nil {
		return keys.Group{}
	}
	title, _ := p.Title()
	return keys.Group{Title: title, Set: p.Bindings()}
}

func (a *App) dockKeys() keys.Set {
	scroll := func(by int) func() tea.Cmd { return func() tea.Cmd { a.line.Scroll(by); return nil } }
	return keys.Set{
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: scroll(1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Bar: true, Run: scroll(-1)},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: scroll(10)},
		{Keys: []string{"pgup"}, Desc: "page up", Run: scroll(-10)},
		{Keys: []string{"right", "l"}, Label: "→", Desc: "sideways", Run: func() tea.Cmd { a.line.Sideways(8); return nil }},
		{Keys: []string{"left", "h"}, Label: "←", Action: "sideways-back", Desc: "back", Run: func() tea.Cmd { a.line.Sideways(-8); return nil }},
		{Keys: []string{"esc"}, Action: "close-output", Desc: "close", Bar: true, Run: a.closeDock},
	}
}

// fromPanel makes the panel's keys bindings without a handler: the panel handles
// them itself.
func fromPanel(list keys.Set) keys.Set {
	set := slices.Clone(list)
	for i := range set {
		set[i].Action, set[i].Run = keys.Fixed, nil
	}
	return set
}

// escape goes one step back.
func (a *App) escape() tea.Cmd {
	switch {
	case a.ctx.Text != "":
		return a.setFilter("")
	case a.line.Docked():
		return a.closeDock()
	}
	return nil
}

func (a *App) closeDock() tea.Cmd {
	a.line.Close()
	a.relayout()
	return nil
}

// nextTheme goes through the themes.
func (a *App) nextTheme() tea.Cmd {
	names := a.opts.themes()[1:]
	for i, n := range names {
		if n == a.ctx.Theme.Name {
			a.opts.Theme = names[(i+1)%len(names)]
			break
		}
	}
	a.recolour()
	a.say(theme.Muted, "theme: "+a.ctx.Theme.Name)
	return nil
}
