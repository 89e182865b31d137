package gauge

import (
	"math"
	"testing"
)

// FuzzReadCounters looks for metrics that crash their reader.
func FuzzReadCounters(f *testing.F) {
	f.Add([]byte(`workqueue_adds_total{name="deployment"} 12`), true)
	f.Add([]byte(`apiserver_request_total{code="200",verb="GET"} 1e3`), true)
	f.Add([]byte(`workqueue_adds_total{name="`), false)
	f.Add([]byte("workqueue_adds_total{name=\"a\"} NaN\nworkqueue_adds_total{"), false)
	f.Fuzz(func(t *testing.T, data []byte, requests bool) {
		for group, names := range readCounters(data, requests) {
			for name, n := range names {
				if math.IsNaN(n) || math.IsInf(n, 0) {
					t.Errorf("%v of %q is %g", group, name, n)
				}
			}
		}
	})
}
