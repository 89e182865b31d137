package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/names"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// followed are the kinds whose objects are in the snapshot: nobody asks for them.
func followed() []string { return []string{"Pod", "Deployment", "Service", "Node"} }

// progress is how far the search for names has come.
type progress struct{ kinds, refused, failed, more int }

// namesMsg brings names of objects.
type namesMsg struct {
	of    *finder
	found []names.Found
}

// openFinder shows the finder, with all that is known, and asks for all else that there is.
func (a *App) openFinder() tea.Cmd {
	d := &finder{title: "Find", items: a.findable()}
	cmd := a.discover()
	if kinds := a.unfollowed(); a.names != nil && len(kinds) > 0 {
		d.more = names.Begin(a.ctx.Lifetime(), a.names, kinds, a.onlyNamespace)
		cmd = tea.Batch(cmd, d.await())
	}
	return tea.Batch(cmd, a.find(d, ""))
}

// unfollowed are the kinds of which the app knows no objects. What cannot be watched is made
// up when it is asked for, and events are no objects that anybody looks for by their names.
func (a *App) unfollowed() []resource.Kind {
	var list []resource.Kind
	for _, k := range a.catalog.Kinds() {
		if k.Watched && k.Name != "Event" && !slices.Contains(followed(), k.Ref("", "").Kind) {
			list = append(list, k)
		}
	}
	return list
}

// await waits for names; it is a tea.Cmd, made again after each namesMsg.
func (d *finder) await() tea.Cmd {
	search := d.more
	return func() tea.Msg {
		found, open := search.Next()
		if !open {
			return nil
		}
		return namesMsg{of: d, found: found}
	}
}

// foundNames has a finder take what was found for it, if it is still open.
func (a *App) foundNames(msg namesMsg) tea.Cmd {
	if !slices.ContainsFunc(a.dialogs, func(d dialog) bool { return d == dialog(msg.of) }) {
		return nil
	}
	var list items
	for _, f := range msg.found {
		msg.of.seen.count(f)
		for _, n := range f.Names {
			list = append(list, found(f.Kind.Ref(n.Namespace, n.Name), ""))
		}
	}
	msg.of.add(list)
	return msg.of.await()
}

func (p *progress) count(f names.Found) {
	p.kinds++
	switch {
	case apierrors.IsForbidden(f.Err):
		p.refused++
	case f.Err != nil:
		p.failed++
	case f.More:
		p.more++
	}
}

// text says how far the search is, and what it leaves out.
func (p progress) text(kinds int) string {
	if p.kinds < kinds {
		return fmt.Sprintf("looking through all kinds: %d of %d", p.kinds, kinds)
	}
	words := []string{"all that is there of " + widget.Plural(kinds, "more kind", "more kinds")}
	for _, part := range []struct {
		n    int
		what string
	}{{p.refused, "you may not list"}, {p.failed, "did not answer"}, {p.more, "have too many to show all"}} {
		if part.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(words, "; ")
}

// found is an object that can be opened.
func found(ref watch.Ref, hint string) item {
	text := strings.ToLower(ref.Kind) + " " + strings.TrimPrefix(ref.Namespace+"/", "/") + ref.Name
	return item{text: text, hint: hint, run: func(a *App) tea.Cmd { return a.open(pane.OpenMsg{Ref: ref, Tab: pane.Summary}) }}
}

// findable lists what can be found at once: the objects that are followed, the kinds, and what
// keys do here and everywhere.
func (a *App) findable() items {
	var list items
	s := a.ctx.Snapshot
	for _, p := range s.Pods {
		list = append(list, found(watch.Ref{Kind: "Pod", Namespace: p.Object.Namespace, Name: p.Object.Name}, p.Word))
	}
	for _, d := range s.Deployments {
		list = append(list, found(watch.Ref{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name}, ""))
	}
	for _, f := range s.Services {
		list = append(list, found(watch.Ref{Kind: "Service", Namespace: f.Object.Namespace, Name: f.Object.Name}, ""))
	}
	for _, n := range s.Nodes {
		list = append(list, found(watch.Ref{Kind: "Node", Name: n.Object.Name}, map[bool]string{true: "Ready"}[n.State == facts.Running]))
	}
	for _, k := range a.catalog.Kinds() {
		list = append(list, item{text: "all " + k.Title(), hint: strings.Join(k.ShortNames, " "), run: func(a *App) tea.Cmd {
			return a.browse(browseMsg{kind: k, query: resource.Query{Namespace: a.ctx.Namespace}})
		}})
	}
	// What is done with the object that is selected says with which.
	on := ""
	if ref, ok := a.picked(); ok {
		on = ref.String() + ", "
	}
	for _, b := range a.focused().Set {
		// What has no sentence of its own only moves about.
		if b.Long != "" {
			list = append(list, actions(b, on)...)
		}
	}
	for _, b := range a.globals() {
		list = append(list, actions(b, "")...)
	}
	return list
}

// actions is what a key does, unless it does nothing just now.
func actions(b keys.Binding, on string) items {
	if b.Run == nil || b.Why() != "" {
		return nil
	}
	return items{{text: b.Desc + ": " + b.Explain(), hint: on + "key " + b.Shown(), run: func(*App) tea.Cmd { return b.Run() }}}
}
