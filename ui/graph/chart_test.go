package graph

import "testing"

func TestLittleIsNotNothing(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 0.00001: "0.1m", 0.0006: "0.6m", 0.0125: "13m", 1.5: "1.5"} {
		if got := cores(n); got != want {
			t.Errorf("%g cores are %s, want %s", n, got, want)
		}
	}
}
