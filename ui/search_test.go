package ui

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/pane"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

func TestSearchInAnObject(t *testing.T) {
	d := up(t, 120, 40)
	d.press("3", "down", "down", "down", "y", "/")
	d.write("kind: replica")
	d.sees("/ kind: replica", "in 1 line", "▸     kind: ReplicaSet")
	d.press("enter", "esc")
	d.seesNot("in 1 line")
	d.sees("▸     kind: ReplicaSet")
	d.press("tab", "/")
	d.write("nothing like it")
	d.sees("in 0 lines", "hello from web-")
	d.press("esc", "/")
	d.write("red")
	d.press("enter")
	d.sees("in 1 line")
	d.press("n", "N", "esc", "esc")
	d.sees("Control plane")
}

// TestLogsOfAllContainers reads the logs of a pod with two containers, one after the
// other, together, and with times.
func TestLogsOfAllContainers(t *testing.T) {
	objects := uitest.Objects(moment())
	for _, o := range objects {
		if p, ok := o.(*corev1.Pod); ok && p.Name == "typo" {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "side"})
		}
	}
	d := up(t, 120, 40)
	d.send(watch.SnapshotMsg{Snapshot: watch.New(objects...)})
	d.send(pane.OpenMsg{Ref: watch.Ref{Kind: "Pod", Namespace: "default", Name: "typo"}, Tab: pane.Logs})
	d.sees("hello from typo typo", "container typo")
	d.press("C")
	d.sees("hello from typo side", "container side")
	d.press("C")
	d.sees("typo: hello from typo typo", "side: hello from typo side", "all containers")
	d.press("s")
	d.sees("side: 2026-11-20T22:40:59Z hello from typo side")
	d.press("C")
	d.sees("2026-11-20T22:40:59Z hello from typo typo", "container typo")
	d.seesNot("side:")
}
