package gauge

import (
	"context"
	"maps"
	"math"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"kubarium/cluster/trace"
)

// How often is measured: what happens, what nodes and pods use (the metrics server
// has no more), and the API server's counters while somebody looks at graphs.
const (
	trafficStep = 2 * time.Second
	usageStep   = 15 * time.Second
	usageRetry  = 5 * time.Second
	counterStep = 6 * time.Second
	// manyPods are asked for only while somebody looks.
	manyPods = 1000
)

// Report is what was measured last.
type Report struct {
	// Rates are how often in a second something happens in a component, roughly:
	// they change when it is worth a look.
	Rates map[string]float64
	// Nodes is what nodes use: cores and bytes.
	Nodes map[string]Use
	// Traffic, Usage and Counters are the last minutes; nil unless wanted.
	Traffic, Usage, Counters *History
	// Err says why there is no word of what nodes and pods use.
	Err error
}

// Use is what something uses.
type Use struct {
	// CPU is in cores, Memory in bytes.
	CPU, Memory float64
}

// Feeder measures. Make it with New.
type Feeder struct {
	client rest.Interface
	wanted atomic.Bool
	wake   chan struct{}

	traffic  *traffic
	counters counters
	// What is kept of each kind of measurement.
	happened, usage, counted *History
	pods                     int
	shown                    Report
}

// New makes a feeder. Either source may be nil, then there is no word of what it has.
func New(store *trace.Store, client rest.Interface) *Feeder {
	f := &Feeder{
		client: client, wake: make(chan struct{}, 1),
		happened: newHistory(trafficStep), usage: newHistory(usageStep), counted: newHistory(counterStep),
	}
	if store != nil {
		f.traffic = newTraffic(store)
	}
	return f
}

// Want says whether somebody looks at the last minutes. It does not wait.
func (f *Feeder) Want(on bool) {
	f.wanted.Store(on)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run measures until ctx ends. Unless the last minutes are wanted, send gets a report
// only when there is something to be seen in it.
func (f *Feeder) Run(ctx context.Context, send func(Report)) {
	happen, use, count := newTimer(0), newTimer(0), newTimer(counterStep)
	defer happen.Stop()
	defer use.Stop()
	defer count.Stop()
	last := time.Now()
	for {
		changed := false
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
			if f.wanted.Load() {
				count.Reset(0)
			}
		case <-happen.C:
			happen.Reset(trafficStep)
			now := time.Now()
			changed = f.happen(max(now.Sub(last), time.Millisecond))
			last = now
		case <-use.C:
			changed = f.use(ctx)
			use.Reset(map[bool]time.Duration{true: usageRetry, false: usageStep}[f.shown.Err != nil])
		case <-count.C:
			f.count(ctx)
			count.Reset(counterStep)
		}
		if wanted := f.wanted.Load(); changed || wanted {
			send(f.report(wanted))
		}
	}
}

func newTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

func (f *Feeder) report(wanted bool) Report {
	r := f.shown
	if wanted {
		a, b, c := f.happened.copy(), f.usage.copy(), f.counted.copy()
		r.Traffic, r.Usage, r.Counters = &a, &b, &c
	}
	return r
}

// happen takes down what has happened, and reports whether a rate is another one.
func (f *Feeder) happen(passed time.Duration) bool {
	if f.traffic == nil {
		return false
	}
	f.happened.push(f.traffic.measure(passed))
	rates := maps.Clone(f.shown.Rates)
	if rates == nil {
		rates = map[string]float64{}
	}
	changed := false
	for c, n := range f.traffic.rates() {
		if before, known := rates[c]; !known || differs(before, n) {
			rates[c], changed = round(n), true
		}
	}
	now := f.traffic.rates()
	for c, before := range rates {
		if now[c] == 0 && before != 0 {
			rates[c], changed = 0, true
		}
	}
	f.shown.Rates = rates
	return changed
}

// differs tells another rate from the same one that sways: half as much again, or half.
func differs(before, now float64) bool {
	return math.Abs(now-before) >= 1 && (now > before*1.5 || now < before/1.5)
}

// round leaves one digit and a half of a rate.
func round(n float64) float64 {
	switch {
	case n < 1:
		return math.Ceil(n*10) / 10
	case n < 20:
		return math.Round(n)
	case n < 100:
		return math.Round(n/5) * 5
	}
	unit := math.Pow(10, math.Floor(math.Log10(n))-1)
	return math.Round(n/unit) * unit
}

// use asks what nodes and pods use, and reports whether a node's is another one.
func (f *Feeder) use(ctx context.Context) bool {
	if f.client == nil {
		return false
	}
	had := f.shown.Err
	nodes, err := askUse(ctx, f.client, "nodes")
	f.shown.Err = err
	if err != nil {
		return had == nil
	}
	v := Values{}
	v.nodes(nodes)
	if f.pods < manyPods || f.wanted.Load() {
		if pods, err := askUse(ctx, f.client, "pods"); err == nil {
			f.pods = len(pods.Items)
			v.pods(pods)
		}
	}
	f.usage.push(v)
	return f.load(v) || had != nil
}

func (f *Feeder) load(v Values) bool {
	nodes, changed := map[string]Use{}, len(f.shown.Nodes) != len(v[NodeCPU])
	for name, cpu := range v[NodeCPU] {
		u := Use{CPU: cpu, Memory: v[NodeMemory][name]}
		before, known := f.shown.Nodes[name]
		if known && math.Abs(u.CPU-before.CPU) < max(0.1, before.CPU/4) && math.Abs(u.Memory-before.Memory) < before.Memory/20 {
			u = before // not worth a frame
		} else {
			changed = true
		}
		nodes[name] = u
	}
	f.shown.Nodes = nodes
	return changed
}

// count asks for the API server's counters, which are long to read: only while
// somebody looks.
func (f *Feeder) count(ctx context.Context) {
	if f.client == nil || !f.wanted.Load() {
		return
	}
	if v, err := f.counters.measure(ctx, f.client, f.traffic == nil); err == nil && len(v) > 0 {
		f.counted.push(v)
	}
}
