package bench

import (
	"testing"

	"kubarium/cluster/control"
)

// TestRestartsTellGrowth proves that a leak in each round is told in full, and a round that
// is late to end what it began is not.
func TestRestartsTellGrowth(t *testing.T) {
	var leaking, late []control.Process
	for round := range 20 {
		p := control.Process{Goroutines: 5000, Descriptors: 270, Heap: 150 << 20}
		leaking = append(leaking, control.Process{Goroutines: p.Goroutines + 10*round, Descriptors: p.Descriptors + round, Heap: p.Heap + uint64(round)<<20})
		if round == 19 || round == 2 {
			p = control.Process{Goroutines: 8000, Descriptors: 300, Heap: 320 << 20}
		}
		late = append(late, p)
	}
	if g := growth(late); g != (Growth{}) {
		t.Errorf("a late round is a growth of %+v", g)
	}
	if g := growth(leaking); g.Goroutines != 120 || g.Descriptors != 12 || g.Heap != 12 {
		t.Errorf("of a leak it tells %+v", g)
	}
	if g := growth(leaking[:1]); g != (Growth{}) {
		t.Errorf("one round grew by %+v", g)
	}
	if g := growth(leaking[:6]); g.Goroutines != 10 {
		t.Errorf("of the sixth round it tells %+v", g)
	}
}
