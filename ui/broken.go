package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// faultsMsg brings what is broken on purpose, holdsMsg what is held.
type (
	faultsMsg []fault.Active
	holdsMsg  hold.State
)

// feedFaults sends what is broken, whenever that changes.
func feedFaults(ctx context.Context, faults *fault.Manager, send func(tea.Msg)) {
	for active := range faults.Watch(ctx) {
		send(faultsMsg(active))
	}
}

// feedHolds sends what is held, whenever that changes.
func feedHolds(ctx context.Context, holds *hold.Manager, send func(tea.Msg)) {
	for state := range holds.Watch(ctx) {
		send(holdsMsg(state))
	}
}

// mark puts words on the nodes and components that are broken or held on purpose, and on the
// nodes of pods that are. Requests wait in the API server, unless it is one component's that
// do.
func (a *App) mark() {
	marks := map[string][]string{}
	put := func(name, word string) {
		if !slices.Contains(marks[name], word) {
			marks[name] = append(marks[name], word)
		}
	}
	for _, f := range a.faults {
		for _, name := range strings.FieldsFunc(f.Target, func(r rune) bool { return strings.ContainsRune("/:,@ ", r) }) {
			if a.isPart(name) {
				put(name, f.Name)
			}
		}
		for _, node := range a.nodesOfPods(f) {
			put(node, f.Name)
		}
		if f.Name == imageFault {
			put("registry", f.Name)
		}
	}
	for _, r := range a.holds.Rules {
		if a.isPart(r.Name) {
			put(r.Name, "held")
		} else {
			put("kube-apiserver", "holds "+r.Name)
		}
	}
	a.ctx.Marks = make(map[string]string, len(marks))
	for name, words := range marks {
		a.ctx.Marks[name] = widget.Clean(strings.Join(words, ", "))
	}
}

// imageFault is the fault that is not done to a part of the cluster but to its images,
// dnsFault the one that is done to a name, in the pods that answer for it.
const (
	imageFault = "image-pull-failure"
	dnsFault   = "dns-skew"
)

// nodesOfPods are the nodes on which there are the pods that a fault is done to.
func (a *App) nodesOfPods(f fault.Active) []string {
	var pods []*facts.Pod
	if f.Name == dnsFault {
		for _, p := range a.ctx.Snapshot.Pods {
			if p.Object.Namespace == metav1.NamespaceSystem && strings.HasPrefix(p.Object.Name, "coredns-") {
				pods = append(pods, p)
			}
		}
	} else {
		for end := range strings.SplitSeq(f.Target, ",") {
			if a.isPart(end) {
				continue
			}
			namespace, name, ok := strings.Cut(strings.TrimPrefix(end, "pod/"), "/")
			if !ok {
				namespace, name = metav1.NamespaceDefault, namespace
			}
			name, _, _ = strings.Cut(name, "/") // a container may follow
			pods = append(pods, a.ctx.Snapshot.Pod(namespace, name))
		}
	}
	var nodes []string
	for _, p := range pods {
		if p != nil && p.Object.Spec.NodeName != "" {
			nodes = append(nodes, p.Object.Spec.NodeName)
		}
	}
	return nodes
}

// isPart reports whether something is a component or a node's machine.
func (a *App) isPart(name string) bool {
	_, ok := a.ctx.Component(name)
	return ok
}

// brokenWords say what is broken on purpose, and what is held: nobody is to look for a
// reason elsewhere.
func (a *App) brokenWords() []string {
	t := a.ctx.Theme
	var words []string
	// A fast clock breaks nothing, and explains much.
	broken := slices.DeleteFunc(slices.Clone(a.faults), func(f fault.Active) bool { return f.Name == fault.FastClock })
	if len(broken) < len(a.faults) {
		words = append(words, t.Tone(theme.Warn).Bold().Render("clock: fast"))
	}
	if n := len(broken); n > 0 {
		last := broken[n-1]
		text := "broken: " + last.Name + " " + last.Target
		if n > 1 {
			text += fmt.Sprintf(" and %d more", n-1)
		}
		words = append(words, t.Tone(theme.Warn).Bold().Render(t.Icons.Warning+" "+widget.Clean(text)))
	}
	if len(a.holds.Rules) > 0 {
		names := make([]string, 0, len(a.holds.Rules))
		for _, r := range a.holds.Rules {
			names = append(names, r.Name)
		}
		text := fmt.Sprintf("held: %s (%d waiting)", strings.Join(names, ", "), len(a.holds.Waiting))
		words = append(words, t.Tone(theme.Warn).Bold().Render(t.Icons.Warning+" "+widget.Clean(text)))
	}
	return words
}
