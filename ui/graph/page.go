package graph

import (
	"cmp"
	"slices"

	"kubarium/ui/gauge"
)

// page is a part of the screen: some charts under one name.
type page struct {
	name   string
	charts func(*View) []chart
	// paired says that two charts belong together.
	paired bool
}

func pages() []page {
	return []page{
		{name: "Overview", charts: (*View).overview},
		{name: "Nodes", charts: (*View).nodes, paired: true},
		{name: "Pods", charts: (*View).pods, paired: true},
		{name: "Requests", charts: func(v *View) []chart { return v.all(v.traffic(gauge.Requests), gauge.Requests, rate, v.noCounters()) }},
		{name: "Clients", charts: func(v *View) []chart { return v.all(v.traffic(gauge.Clients), gauge.Clients, rate, v.noTrace()) }},
		{name: "etcd", charts: func(v *View) []chart { return v.all(v.traffic(gauge.Writes), gauge.Writes, rate, v.noCounters()) }},
		{name: "Latency", charts: func(v *View) []chart { return v.all(v.traffic(gauge.Latency), gauge.Latency, lasts, v.noCounters()) }},
		{name: "Controllers", charts: func(v *View) []chart { return v.all(v.report.Counters, gauge.Reconciles, rate, v.noCounters()) }},
	}
}

// What is said in place of numbers.
const (
	notYet      = "Nothing of it has happened yet."
	onlyOurs    = "Only a cluster that kubarium runs shows this: the API server of others does not tell it."
	countersYet = "The API server has been asked for its counters; their rates follow after some seconds."
	usageYet    = "No word of the metrics server yet."
)

// noTrace says why there is no word of what only taps see.
func (v *View) noTrace() string {
	if !v.report.Traced && v.report.Counters != nil {
		return onlyOurs
	}
	return notYet
}

// noCounters says why there is no word of what the API server counts.
func (v *View) noCounters() string {
	switch {
	case v.report.CounterErr != nil:
		return gauge.Why(v.report.CounterErr, "the API server's counters (/metrics)")
	case v.report.Traced && v.report.Counters != nil && len(v.report.Counters.Series) > 0:
		return notYet
	}
	return countersYet
}

func (v *View) noUsage() string { return noUse(v.report.Err, "metrics of nodes") }

func (v *View) noPodUsage() string { return noUse(v.report.PodErr, "metrics of pods") }

func noUse(err error, what string) string {
	if err != nil {
		return gauge.Why(err, what)
	}
	return usageYet
}

// traffic is where requests are told: by the trace, or by the API server's counters.
func (v *View) traffic(g gauge.Group) *gauge.History {
	if h := v.report.Traffic; h != nil && len(h.Series[g]) > 0 {
		return h
	}
	return v.report.Counters
}

// overview has one chart of each kind.
func (v *View) overview() []chart {
	cpu, memory := v.capacity()
	requests := v.traffic(gauge.Requests)
	latency := one(v.report.Traffic, gauge.Latency, "API server worst")
	slowest := chart{name: "API latency, worst", values: latency, step: step(v.report.Traffic), write: lasts, none: notYet}
	if !v.report.Traced {
		slowest = chart{name: "API latency, mean", values: one(v.report.Counters, gauge.Latency, gauge.ServerMean), step: step(v.report.Counters), write: lasts, none: v.noCounters()}
	}
	writes := v.traffic(gauge.Writes)
	return []chart{
		{name: "CPU of all nodes", values: sum(v.report.Usage, gauge.NodeCPU), step: step(v.report.Usage), write: cores, most: cpu, none: v.noUsage()},
		{name: "Memory of all nodes", values: sum(v.report.Usage, gauge.NodeMemory), step: step(v.report.Usage), write: size, most: memory, none: v.noUsage()},
		{name: "API requests", values: sum(requests, gauge.Requests), step: step(requests), write: rate, none: v.noCounters()},
		slowest,
		{name: "Writes to etcd", values: sum(writes, gauge.Writes), step: step(writes), write: rate, none: v.noCounters()},
		{name: "Scheduling attempts", values: sum(v.report.Traffic, gauge.Attempts), step: step(v.report.Traffic), write: rate, none: v.noTrace()},
		{name: "Scheduling, worst", values: one(v.report.Traffic, gauge.Latency, "scheduler worst"), step: step(v.report.Traffic), write: lasts, none: v.noTrace()},
		{name: "Controller work", values: sum(v.report.Counters, gauge.Reconciles), step: step(v.report.Counters), write: rate, none: v.noCounters()},
	}
}

// capacity is what all nodes together have.
func (v *View) capacity() (cpu, memory float64) {
	for _, n := range v.ctx.Snapshot.Nodes {
		cpu += float64(n.CPU.Allocatable) / 1000
		memory += float64(n.Memory.Allocatable)
	}
	return cpu, memory
}

func (v *View) nodes() []chart {
	if len(v.ctx.Snapshot.Nodes) == 0 {
		return []chart{{name: "Nodes", none: "No nodes are known. " + v.noUsage()}}
	}
	var list []chart
	for _, n := range v.ctx.Snapshot.Nodes {
		name := n.Object.Name
		if !v.ctx.Shows("", name) && v.ctx.Text != "" {
			continue
		}
		list = append(list,
			chart{name: name + " CPU", values: one(v.report.Usage, gauge.NodeCPU, name), step: step(v.report.Usage), write: cores, most: float64(n.CPU.Allocatable) / 1000, none: v.noUsage()},
			chart{name: name + " memory", values: one(v.report.Usage, gauge.NodeMemory, name), step: step(v.report.Usage), write: size, most: float64(n.Memory.Allocatable), none: v.noUsage()})
	}
	return list
}

// pods has those that use the most CPU first.
func (v *View) pods() []chart {
	h := v.report.Usage
	if h == nil || len(h.Series[gauge.PodCPU]) == 0 && len(h.Series[gauge.PodMemory]) == 0 {
		return []chart{{name: "Pods", none: v.noPodUsage()}}
	}
	names := map[string]float64{}
	for name, s := range h.Series[gauge.PodMemory] {
		names[name] = last(s) / 1e15 // the order of those that do nothing
	}
	for name, s := range h.Series[gauge.PodCPU] {
		names[name] += last(s)
	}
	var list []chart
	for _, name := range largest(names) {
		namespace, pod := split(name)
		if !v.ctx.Shows(namespace, pod) {
			continue
		}
		list = append(list,
			chart{name: pod + " CPU", values: one(h, gauge.PodCPU, name), step: h.Step, write: cores, none: "uses none"},
			chart{name: pod + " memory", values: one(h, gauge.PodMemory, name), step: h.Step, write: size, none: "uses none"})
	}
	return list
}

// all has a chart for each series of a group, the largest first.
func (v *View) all(h *gauge.History, g gauge.Group, write func(float64) string, none string) []chart {
	if h == nil || len(h.Series[g]) == 0 {
		return []chart{{name: "", none: none}}
	}
	sums := map[string]float64{}
	for name, s := range h.Series[g] {
		for _, n := range s {
			sums[name] += n
		}
	}
	var list []chart
	for _, name := range largest(sums) {
		if v.ctx.Text == "" || v.ctx.Shows(v.ctx.Namespace, name) {
			list = append(list, chart{name: name, values: h.Series[g][name], step: h.Step, write: write})
		}
	}
	return list
}

func largest(names map[string]float64) []string {
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(names[b], names[a]), cmp.Compare(a, b)) })
	return list
}
