package trace

import (
	"strings"
	"testing"
)

// FuzzAttemptOf reads events as a saved trace may have them, and tells of those that can be
// read.
func FuzzAttemptOf(f *testing.F) {
	f.Add(`[{"node":"node-1","fits":true,"scores":{"ImageLocality":7},"total":7},{"node":"node-2","plugin":"TaintToleration","reasons":["taint"]}]`,
		`{"ImageLocality":1}`, "TaintToleration,NodePorts", "NodePorts", `[{"plugin":"a","changes":["b"]}]`)
	f.Add(`[null,{}]`, `null`, ",", "", `[]`)
	f.Add(`{}`, `[`, "", ",,", `null`)
	f.Fuzz(func(t *testing.T, nodes, weights, filters, skipped, admission string) {
		e := Event{Fields: map[string]string{"nodes": nodes, "weights": weights, "filters": filters, "skipped": skipped, "admission": admission, "node": "node-1"}}
		if a, err := AttemptOf(e); err == nil {
			for depth := 1; depth <= 3; depth++ {
				if lines := a.Tell(depth); len(lines) == 0 {
					t.Errorf("nothing is told of %v at depth %d", e.Fields, depth)
				}
			}
		}
		list, err := e.Admissions()
		for _, a := range list {
			if err == nil && !strings.HasPrefix(a.String(), a.Plugin) {
				t.Errorf("%+v is told as %q", a, a)
			}
		}
	})
}
