package bench

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestLedger sees what a cluster lost, and what it brought back from the dead.
func TestLedger(t *testing.T) {
	l := newLedger()
	l.there["a"], l.there["b"], l.gone["c"], l.unsure["d"] = "a", "b", "c", "d"
	l.pods, l.leaving = []string{"p", "q"}, []string{"r"}
	l.ended["s"] = true
	then := l.clone()
	delete(l.there, "b")
	l.pods = l.pods[:1]

	for name, c := range map[string]struct {
		ledger ledger
		maps   []types.UID
		pods   []string
		want   int
	}{
		"as it is":         {l, []types.UID{"a"}, []string{"p"}, 0},
		"unsure is there":  {l, []types.UID{"a", "d"}, []string{"p", "r"}, 0},
		"map lost":         {l, nil, []string{"p"}, 1},
		"deleted is there": {l, []types.UID{"a", "c"}, []string{"p"}, 1},
		"pod came back":    {l, []types.UID{"a"}, []string{"p", "s"}, 1},
		"pod lost":         {l, []types.UID{"a"}, nil, 1},
		"as it was":        {then, []types.UID{"a", "b"}, []string{"p", "q"}, 0},
		"went back partly": {then, []types.UID{"a"}, []string{"p"}, 2},
	} {
		maps, pods := map[types.UID]bool{}, map[string]bool{}
		for _, uid := range c.maps {
			maps[uid] = true
		}
		for _, pod := range c.pods {
			pods[pod] = true
		}
		if got := c.ledger.differs(maps, pods); got != c.want {
			t.Errorf("%s: %d objects differ, want %d", name, got, c.want)
		}
	}
}

// TestSoakTellsGrowth proves that one rest after a restart is no growth, and that a leak is.
func TestSoakTellsGrowth(t *testing.T) {
	s := &soak{}
	for i := range 16 {
		r := Rest{Processes: 19}
		r.Goroutines, r.Descriptors, r.Heap = 5000, 270+2*i, 150<<20
		if i == 15 {
			r.Heap = 320 << 20
		}
		s.result.Rests = append(s.result.Rests, r)
	}
	s.compare()
	if g := s.result.Growth; g.Goroutines != 0 || g.Heap != 0 || g.Descriptors < 10 {
		t.Errorf("growth %+v, want that of descriptors only", g)
	}
}

// TestPodThatANodeEnded sees pods that a node evicted, and those that it refused when its
// kubelet started anew: no condition tells of these.
func TestPodThatANodeEnded(t *testing.T) {
	for name, c := range map[string]struct {
		phase  corev1.PodPhase
		policy corev1.RestartPolicy
		want   bool
	}{
		"evicted":                  {corev1.PodFailed, corev1.RestartPolicyAlways, true},
		"refused, and ended well":  {corev1.PodSucceeded, corev1.RestartPolicyAlways, true},
		"runs":                     {corev1.PodRunning, corev1.RestartPolicyAlways, false},
		"waits":                    {corev1.PodPending, corev1.RestartPolicyAlways, false},
		"a Job's, which has ended": {corev1.PodSucceeded, corev1.RestartPolicyNever, false},
	} {
		pod := corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: c.policy}, Status: corev1.PodStatus{Phase: c.phase}}
		if got := endedByNode(pod); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
