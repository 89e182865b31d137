package bench

import (
	"slices"
	"testing"

	"kubarium/cluster/fault"
)

// TestEachFaultHasItsTurn proves that as many rounds as there are faults, divided by those of a
// round, begin with each of them, and that seeds differ.
func TestEachFaultHasItsTurn(t *testing.T) {
	of := func(seed uint64) (names []string) {
		for round := range uint64((len(fault.Catalogue()) + turns - 1) / turns) {
			for _, f := range turn(seed, round) {
				names = append(names, f.Name)
			}
		}
		return names
	}
	names := of(7)
	for _, f := range fault.Catalogue() {
		if !slices.Contains(names, f.Name) {
			t.Errorf("%s has no turn in %v", f.Name, names)
		}
	}
	if !slices.Equal(names, of(7)) || slices.Equal(names, of(8)) {
		t.Errorf("the seed does not decide: %v", names)
	}
}

// TestOddSeedsRefuseNoFault: one member of etcd is its own majority.
func TestOddSeedsRefuseNoFault(t *testing.T) {
	if flags := (SoakOptions{Seed: 3}).flags(); !slices.Contains(flags, "--etcd-members") {
		t.Errorf("an odd seed starts with %v", flags)
	}
	if flags := (SoakOptions{Seed: 4}).flags(); len(flags) > 0 {
		t.Errorf("an even seed starts with %v", flags)
	}
}
