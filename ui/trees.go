package ui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/tree"
	"kubarium/ui/watch"
)

// processEvery is how often the tree looks for processes.
const processEvery = 2 * time.Second

// openTree shows what an object owns, and what owns it.
func (a *App) openTree(ref watch.Ref) tea.Cmd {
	if a.tables == nil || a.catalog == nil {
		a.say(theme.Warn, "the API server has not answered yet")
		return nil
	}
	a.line.Leave()
	a.ctx.Text = ""
	o := tree.Options{Source: a.tables, Catalog: a.catalog, Processes: a.opts.Processes, Every: processEvery}
	if a.tick.off {
		o.Every = 0
	}
	view, cmd := tree.Open(a.ctx, o, ref)
	a.pushScreen(view)
	return tea.Batch(cmd, a.sync())
}

// treeMsg asks for the tree that a line names: "tree deploy/web -n shop".
type treeMsg struct{ words []string }

// openTreeOf reads the words after "tree"; without any it is the selected object's.
func (a *App) openTreeOf(words []string) tea.Cmd {
	if len(words) == 0 {
		if ref, ok := a.selected(); ok {
			return a.openTree(ref)
		}
		a.push(note("Not shown", "Whose tree? Write: tree deploy/web"))
		return nil
	}
	kind, name, slash := strings.Cut(words[0], "/")
	rest := words[1:]
	if !slash && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	k, ok := a.catalog.Find(kind)
	query, err := resource.ParseQuery(rest, a.ctx.Namespace)
	switch {
	case !ok:
		a.push(note("Not shown", "The server has no kind "+kind+"."))
	case err != nil:
		a.push(note("Not shown", err.Error()))
	case name == "":
		a.push(note("Not shown", "Which "+kind+"? Write: tree "+kind+"/NAME"))
	default:
		if !k.Namespaced {
			query.Namespace = ""
		} else if query.Namespace == "" {
			query.Namespace = "default"
		}
		return a.openTree(k.Ref(query.Namespace, name))
	}
	return nil
}

// selected is the object that the screen is about.
func (a *App) selected() (watch.Ref, bool) {
	switch s := a.top().(type) {
	case interface{ Selected() (watch.Ref, bool) }:
		return s.Selected()
	case interface{ Ref() watch.Ref }:
		ref := s.Ref()
		return ref, ref.Name != ""
	}
	return watch.Ref{}, false
}

// opensTree is for what panes and screens ask.
func (a *App) opensTree(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.TreeMsg:
		return a.openTree(msg.Ref)
	case treeMsg:
		return a.openTreeOf(msg.words)
	}
	return nil
}
