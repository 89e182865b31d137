package ui

import (
	"testing"

	"kubarium/ui/watch"
)

// TestCostsAreSeenWhereItIsNarrow: they were asked for; of the pods' states, the most urgent
// ones are told.
func TestCostsAreSeenWhereItIsNarrow(t *testing.T) {
	d := up(t, 80, 24)
	d.press("z")
	d.send(componentsMsg(d.app.opts.Cluster.Components()))
	d.sees("0.12 cpu  512Mi", "✗ 2", "13 pods")
	d = busy(t, 80, 24, plain)
	d.sees("0.12 cpu  512Mi", "✗ ")
	d.press("/")
	d.write("shop")
	d.press("enter")
	d.sees("0.12 cpu  512Mi", "filter /shop")
}

// TestRequestsAreSeenWhereItIsLow: there is no frame with rates in its edge.
func TestRequestsAreSeenWhereItIsLow(t *testing.T) {
	d := up(t, 80, 24)
	d.send(watch.SnapshotMsg{Snapshot: &watch.Snapshot{}}) // nothing waits, which would be said first
	d.app.ctx.Rates = map[string]float64{"kube-apiserver": 42}
	d.press("1")
	d.sees("apiserver 42/s", "scheduler")
}
