package watch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/facts"
)

func TestPodsAreCounted(t *testing.T) {
	at := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	made := func(name, node string, phase corev1.PodPhase, after time.Duration) *corev1.Pod {
		p := pod(name)
		p.Spec.NodeName, p.Status.Phase = node, phase
		p.CreationTimestamp = metav1.NewTime(at.Add(after))
		return p
	}
	leaving := made("leaving", "node-1", corev1.PodRunning, 0)
	gone := metav1.NewTime(at.Add(5 * time.Minute))
	leaving.DeletionTimestamp = &gone
	s := New(
		made("waits", "", corev1.PodPending, time.Minute),
		made("ended", "", corev1.PodFailed, 2*time.Minute),
		made("done", "node-1", corev1.PodSucceeded, 9*time.Minute),
		made("comes", "node-1", corev1.PodPending, 4*time.Minute),
		leaving,
	)
	want := map[facts.State]int{facts.Pending: 1, facts.Failing: 1, facts.Completed: 1, facts.Creating: 1, facts.Terminating: 1}
	for state, n := range s.States {
		if n != want[facts.State(state)] {
			t.Errorf("%d pods are %s, not %d", n, facts.State(state), want[facts.State(state)])
		}
	}
	if len(s.Waiting) != 1 || s.Waiting[0].Object.Name != "waits" {
		t.Errorf("%d pods wait", len(s.Waiting))
	}
	if got := s.Youngest.Sub(at); got != 9*time.Minute {
		t.Errorf("the youngest is from %s", got)
	}
	if got := s.Moved.Sub(at); got != 5*time.Minute {
		t.Errorf("the last began to move at %s", got)
	}
}

func TestNamespacesAreThoseOfPods(t *testing.T) {
	var pods []*facts.Pod
	for _, name := range []string{"a", "a", "b", "c", "c", "c", "d"} {
		pods = append(pods, facts.NewPod(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: name}}))
	}
	if got := namespaceNames(&Snapshot{Pods: pods}, nil); len(got) != 5 || got[0] != "a" || got[3] != "d" || got[4] != "default" {
		t.Errorf("got %v", got)
	}
}
