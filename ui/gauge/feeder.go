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
	// Of manyPods no last minutes are kept unless somebody looks, and they are asked for
	// seldom.
	manyPods   = 1000
	seldomStep = 4
)

// Report is what was measured last.
type Report struct {
	// Rates are how often in a second something happens in a component, roughly:
	// they change when it is worth a look.
	Rates map[string]float64
	// Nodes is what nodes use, by name, and Pods what pods use, by "namespace/name". Nobody
	// changes them: what is another use comes in another map. Either is nil unless it is known.
	Nodes, Pods map[string]Use
	// Traffic, Usage and Counters are the last minutes; nil unless wanted.
	Traffic, Usage, Counters *History
	// Err, PodErr and CounterErr say why there is no word of what nodes and pods use, and of
	// the API server's counters.
	Err, PodErr, CounterErr error
	// Traced says that the cluster's taps are seen: they know more than its counters.
	Traced bool
}

// Feeder measures. Make it with New.
type Feeder struct {
	client rest.Interface
	// namespace is the only one whose pods the user may see; "" if they see all.
	namespace string
	wanted    atomic.Bool
	wake      chan struct{}

	traffic  *traffic
	counters counters
	// What is kept of each kind of measurement.
	happened, usage, counted *History
	// asked is how often was asked what they use.
	asked       int
	nodes, pods meter
	shown       Report
}

// New makes a feeder. Either source may be nil, then there is no word of what it has. A
// namespace is the only one whose pods the user may see.
func New(store *trace.Store, client rest.Interface, namespace string) *Feeder {
	f := &Feeder{
		client: client, namespace: namespace, wake: make(chan struct{}, 1),
		happened: newHistory(trafficStep), usage: newHistory(usageStep), counted: newHistory(counterStep),
		nodes: nodeMeter(), pods: podMeter(),
	}
	if store != nil {
		f.traffic, f.shown.Traced = newTraffic(store), true
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
	r.Nodes, r.Pods = f.nodes.uses, f.pods.uses
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

// use asks what nodes and pods use, and reports whether it is worth a frame.
func (f *Feeder) use(ctx context.Context) bool {
	if f.client == nil {
		return false
	}
	had, hadPods := f.shown.Err, f.shown.PodErr
	v := Values{}
	nodes, err := askUse(ctx, f.client, "nodes")
	if f.shown.Err = err; err == nil {
		v.nodes(nodes)
	}
	changed := f.nodes.take(v[NodeCPU], v[NodeMemory], err)
	// Who may not see nodes may see pods.
	if f.fewPods() || f.wanted.Load() || f.asked%seldomStep == 0 {
		pods, err := askUse(ctx, f.client, f.podsPath())
		now := Values{}
		if f.shown.PodErr = err; err == nil {
			now.pods(pods)
		}
		changed = f.pods.take(now[PodCPU], now[PodMemory], err) || changed
		if f.fewPods() || f.wanted.Load() {
			maps.Copy(v, now)
		}
	}
	f.asked++
	if f.shown.Err != nil && f.shown.PodErr != nil {
		return changed || had == nil
	}
	f.usage.push(v)
	return changed || (had == nil) != (f.shown.Err == nil) || (hadPods == nil) != (f.shown.PodErr == nil)
}

func (f *Feeder) fewPods() bool { return len(f.pods.uses) < manyPods }

func (f *Feeder) podsPath() string {
	if f.namespace == "" {
		return "pods"
	}
	return "namespaces/" + f.namespace + "/pods"
}

// count asks for the API server's counters, which are long to read: only while
// somebody looks.
func (f *Feeder) count(ctx context.Context) {
	if f.client == nil || !f.wanted.Load() {
		return
	}
	v, err := f.counters.measure(ctx, f.client, f.traffic == nil)
	f.shown.CounterErr = err
	if len(v) > 0 {
		f.counted.push(v)
	}
}
