package bench

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// TestLedger sees what a cluster lost, and what it brought back from the dead.
func TestLedger(t *testing.T) {
	l := newLedger()
	l.there["a"], l.there["b"], l.gone["c"], l.unsure["d"] = "a", "b", "c", "d"
	l.pods, l.leaving = []string{"p", "q"}, []string{"r"}
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
