package ui

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

// crowd is a cluster of many pods on many nodes.
func crowd(nodes, pods int) []runtime.Object {
	var list []runtime.Object
	base := uitest.Objects(moment())
	var node *corev1.Node
	var shapes []*corev1.Pod
	for _, o := range base {
		switch o := o.(type) {
		case *corev1.Node:
			node = o
		case *corev1.Pod:
			if o.Spec.NodeName != "" {
				shapes = append(shapes, o)
			}
		}
	}
	for i := range nodes {
		n := node.DeepCopy()
		n.Name = fmt.Sprintf("node-%d", i)
		list = append(list, n)
	}
	for i := range pods {
		p := shapes[i%len(shapes)].DeepCopy()
		p.UID = types.UID(fmt.Sprint("crowd-", i))
		p.Name, p.Spec.NodeName = fmt.Sprintf("pod-%05d", i), fmt.Sprintf("node-%d", i%nodes)
		list = append(list, p)
	}
	return list
}

// BenchmarkFrame is from a key to the frame that shows what it did.
func BenchmarkFrame(b *testing.B) {
	for _, c := range []struct{ nodes, pods, w, h int }{{3, 30, 120, 40}, {3, 30, 200, 60}, {500, 5000, 200, 60}} {
		b.Run(fmt.Sprintf("%d pods/%dx%d", c.pods, c.w, c.h), func(b *testing.B) {
			a := New(Options{Cluster: uitest.New(moment(), ""), Theme: "dark"})
			a.now = moment
			a.tick.off, a.booting = true, false
			a.Update(tea.WindowSizeMsg{Width: c.w, Height: c.h})
			a.Update(componentsMsg(uitest.Components()))
			a.Update(watch.SnapshotMsg{Snapshot: watch.New(crowd(c.nodes, c.pods)...)})
			keys := []string{"3", "down", "down", "up", "2", "right", "down"}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				a.Update(keyPress(keys[i%len(keys)]))
				a.Render()
			}
		})
	}
}

// BenchmarkSnapshot is a snapshot being taken over and drawn.
func BenchmarkSnapshot(b *testing.B) {
	a := New(Options{Cluster: uitest.New(moment(), ""), Theme: "dark"})
	a.now = moment
	a.tick.off, a.booting = true, false
	a.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	s := watch.New(crowd(500, 5000)...)
	b.ReportAllocs()
	for range b.N {
		a.Update(watch.SnapshotMsg{Snapshot: s})
		a.Render()
	}
}
