// Package gauge measures what a cluster does and costs: requests to its API server,
// writes to etcd, how long the scheduler takes, what nodes and pods use. It keeps the
// last minutes of each and tells of them in reports, which are read-only.
package gauge

import "time"

// Group is a kind of measurement; each has a series of numbers for every name in it.
type Group string

// The groups.
const (
	// Requests, Clients, Writes, Attempts and Reconciles are rates, a second: requests
	// to the API server by verb and by who asked, writes to etcd by what was written,
	// attempts of the scheduler by outcome, and items that controllers were given.
	Requests   Group = "requests"
	Clients    Group = "clients"
	Writes     Group = "writes"
	Attempts   Group = "attempts"
	Reconciles Group = "reconciles"
	// Latency is in seconds: the scheduler's median and worst attempt, and the API
	// server's median and worst answer.
	Latency Group = "latency"
	// NodeCPU and PodCPU are in cores, NodeMemory and PodMemory in bytes.
	NodeCPU    Group = "node cpu"
	NodeMemory Group = "node memory"
	PodCPU     Group = "pod cpu"
	PodMemory  Group = "pod memory"
)

// Values are one measurement.
type Values map[Group]map[string]float64

func (v Values) add(g Group, name string, n float64) {
	if v[g] == nil {
		v[g] = map[string]float64{}
	}
	v[g][name] += n
}

// History is the last measurements, oldest first, all series of the same length.
type History struct {
	Step   time.Duration
	Series map[Group]map[string][]float64
	n      int
}

// kept is how many measurements a history has.
const kept = 180

func newHistory(step time.Duration) *History {
	return &History{Step: step, Series: map[Group]map[string][]float64{}}
}

// push adds a measurement. Series that it does not have get a zero, and those with
// nothing but zeros end.
func (h *History) push(v Values) {
	h.n = min(h.n+1, kept)
	for g, names := range v {
		if h.Series[g] == nil {
			h.Series[g] = map[string][]float64{}
		}
		for name := range names {
			if h.Series[g][name] == nil {
				h.Series[g][name] = make([]float64, h.n-1, kept)
			}
		}
	}
	for g, names := range h.Series {
		for name, s := range names {
			s = append(s, v[g][name])
			if len(s) > kept {
				s = append(make([]float64, 0, kept+kept/4), s[len(s)-kept:]...)
			}
			names[name] = s
			if v[g][name] == 0 && allZero(s) {
				delete(names, name)
			}
		}
	}
}

func allZero(s []float64) bool {
	for _, v := range s {
		if v != 0 {
			return false
		}
	}
	return true
}

// copy is a history that does not change any more.
func (h *History) copy() History {
	c := History{Step: h.Step, Series: make(map[Group]map[string][]float64, len(h.Series)), n: h.n}
	for g, names := range h.Series {
		c.Series[g] = make(map[string][]float64, len(names))
		for name, s := range names {
			c.Series[g][name] = append([]float64(nil), s...)
		}
	}
	return c
}
