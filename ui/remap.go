package ui

import (
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/detail"
	"kubarium/ui/etcd"
	"kubarium/ui/forward"
	"kubarium/ui/glass"
	"kubarium/ui/graph"
	"kubarium/ui/keys"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/watch"
	"kubarium/ui/way"
)

// Actions are all that can be given other keys, by where they work, with the keys that
// they have from the start.
func Actions() []keys.Group {
	a := New(Options{})
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "one"}, {Name: "two"}}}}
	a.ctx.Snapshot = watch.New(&pod)
	// The commands that would fill these views are not run.
	var object keys.Set
	for _, of := range []struct {
		ref watch.Ref
		tab pane.Tab
	}{{watch.Ref{Kind: "Pod", Name: pod.Name}, pane.Logs}, {watch.Ref{Kind: "Deployment", Name: "deployment"}, pane.YAML}} {
		view, _ := detail.Open(a.ctx, allTabs{a.backend}, of.ref, of.tab)
		defer view.Close()
		object = joined(object, view.Bindings())
	}
	inside, _ := glass.Open(a.ctx, glass.Sources{})
	defer inside.Close()
	keyed, _ := etcd.Open(a.ctx, etcd.Source{}, "")
	defer keyed.Close()
	groups := []keys.Group{{Title: keys.Everywhere, Set: a.globalKeys()}}
	titles := map[layout.Name]string{
		layout.Components: "control plane", layout.Tanks: "nodes", layout.Pods: "pods", layout.Services: "services", layout.Events: "events",
	}
	for _, n := range ring() {
		if p := a.panes[n]; p != nil {
			groups = append(groups, keys.Group{Title: titles[n], Set: p.Bindings()})
		}
	}
	return append(groups,
		keys.Group{Title: "table of a kind", Set: resource.Keys(a.ctx)},
		keys.Group{Title: "object", Set: object},
		keys.Group{Title: "editor", Set: joined(nil, detail.EditKeys(a.ctx))},
		keys.Group{Title: "graphs", Set: graph.Open(a.ctx, func(bool) {}).Bindings()},
		keys.Group{Title: "glass", Set: inside.Bindings()},
		keys.Group{Title: "etcd", Set: keyed.Bindings()},
		keys.Group{Title: "forwards", Set: forward.Keys(a.ctx)},
		keys.Group{Title: "packet", Set: way.Keys(a.ctx)},
		keys.Group{Title: "output of kubectl", Set: a.dockKeys()},
		keys.Group{Title: "terminal", Set: a.terminalKeys()},
		keys.Group{Title: "question", Set: (&confirm{}).bindings(a), Alone: true},
		keys.Group{Title: "message", Set: (&message{}).bindings(a), Alone: true},
		keys.Group{Title: "list to choose from", Set: (&picker{}).bindings(a), Alone: true},
		keys.Group{Title: "finder", Set: (&finder{}).bindings(a), Alone: true},
		keys.Group{Title: "help", Set: (&help{}).bindings(a), Alone: true},
	)
}

// joined has the bindings of both, those of one name once.
func joined(set, more keys.Set) keys.Set {
	for _, b := range more {
		if b.Action == keys.Fixed || !slices.ContainsFunc(set, func(o keys.Binding) bool { return o.Name() == b.Name() }) {
			set = append(set, b)
		}
	}
	return set
}

// isFor reports whether a key is that of one of the app's own actions.
func (a *App) isFor(action, key string) bool {
	for _, b := range a.globals() {
		if b.Name() == action {
			return slices.Contains(b.Keys, key)
		}
	}
	return false
}

// typesNothing reports whether a key does something where text is typed, too.
func typesNothing(key string) bool { return utf8.RuneCountInString(key) > 1 && key != "space" }
