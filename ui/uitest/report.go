package uitest

import (
	"math"
	"time"

	"kubarium/ui/gauge"
)

// Report is what the gauges of a cluster say that has been up for some minutes.
func Report() gauge.Report {
	const n = 90
	wave := func(base, swing, period float64) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = max(0, base+swing*math.Sin(float64(i)/period)*math.Cos(float64(i)/7))
		}
		return s
	}
	const mi = 1 << 20
	history := func(step time.Duration, series map[gauge.Group]map[string][]float64) *gauge.History {
		return &gauge.History{Step: step, Series: series}
	}
	return gauge.Report{
		Traced: true,
		Rates:  map[string]float64{"kube-apiserver": 25, "etcd": 6, "kube-controller-manager": 4, "kube-scheduler": 0.4},
		Nodes:  map[string]gauge.Use{"node-1": {CPU: 2.1, Memory: 900 * mi}, "node-2": {CPU: 0.3, Memory: 1700 * mi}, "node-3": {CPU: 0.04, Memory: 300 * mi}},
		Pods: map[string]gauge.Use{
			"default/web-5b978d69-bm9k0": {CPU: 0.812, Memory: 91 * mi}, "shop/cart-5b97ac58-do9k2": {CPU: 0.0504, Memory: 50 * mi},
		},
		Traffic: history(2*time.Second, map[gauge.Group]map[string][]float64{
			gauge.Requests: {"get": wave(9, 4, 11), "list": wave(1, 1, 5), "watch": wave(0.5, 1, 3), "update": wave(5, 2, 9), "patch": wave(2, 3, 4), "create": wave(1, 2, 13)},
			gauge.Clients:  {"node-1": wave(4, 2, 7), "node-2": wave(3, 2, 9), "kube-controller-manager": wave(4, 3, 5), "kube-scheduler": wave(1, 1, 12)},
			gauge.Writes:   {"leases": wave(3, 0.5, 8), "pods": wave(1, 2, 6), "events": wave(1, 3, 10)},
			gauge.Attempts: {"placed": wave(0.1, 0.6, 6)},
			gauge.Latency:  {"scheduler median": wave(0.0008, 0.0004, 6), "scheduler worst": wave(0.002, 0.002, 6), "API server median": wave(0.001, 0.0002, 9), "API server worst": wave(0.012, 0.01, 4)},
		}),
		Usage: history(15*time.Second, map[gauge.Group]map[string][]float64{
			gauge.NodeCPU:    {"node-1": wave(1.6, 0.8, 17), "node-2": wave(0.3, 0.1, 9), "node-3": wave(0.04, 0.01, 7)},
			gauge.NodeMemory: {"node-1": wave(900*mi, 60*mi, 20), "node-2": wave(1700*mi, 100*mi, 30), "node-3": wave(300*mi, 10*mi, 20)},
			gauge.PodCPU:     {"default/web-5b978d69-bm9k0": wave(0.8, 0.5, 17), "shop/cart-5b97ac58-do9k2": wave(0.05, 0.02, 9)},
			gauge.PodMemory:  {"default/web-5b978d69-bm9k0": wave(90*mi, 20*mi, 17), "shop/cart-5b97ac58-do9k2": wave(50*mi, 2*mi, 9)},
		}),
		Counters: history(6*time.Second, map[gauge.Group]map[string][]float64{
			gauge.Reconciles: {"deployment": wave(1, 2, 9), "replicaset": wave(1, 3, 7), "endpoint_slice": wave(0.5, 1, 5)},
		}),
	}
}
