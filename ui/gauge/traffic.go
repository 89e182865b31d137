package gauge

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// Names of components, as the trace has them.
const (
	apiServer   = "kube-apiserver"
	etcd        = "etcd"
	scheduler   = "kube-scheduler"
	controllers = "kube-controller-manager"
)

// traffic counts what a trace tells, without looking into the events.
type traffic struct {
	store *trace.Store
	last  uint64
	// program is what all components in this process call themselves.
	program string
	// recent are the counts of the last steps by component.
	recent []map[string]float64
}

// recentSteps is how many steps a rate in words is the mean of.
const recentSteps = 5

func newTraffic(store *trace.Store) *traffic {
	return &traffic{store: store, last: store.Last(), program: filepath.Base(os.Args[0])}
}

// measure counts what has happened since the last time.
func (t *traffic) measure(passed time.Duration) Values {
	counts, by := Values{}, map[string]float64{}
	var scheduling, answers []float64
	meant := func(e trace.Event) bool {
		return e.Component == apiServer || e.Component == etcd || e.Component == scheduler && trace.IsAttempt(e)
	}
	t.last = t.store.Scan(t.last, meant, func(e trace.Event) {
		switch e.Component {
		case apiServer:
			long := e.Verb == "watch"
			if began := e.Fields["stage"] == "ResponseStarted"; began != long {
				return // a watch counts when it begins, all else when it is answered
			}
			who := t.client(e)
			counts.add(Requests, e.Verb, 1)
			counts.add(Clients, who, 1)
			by[apiServer]++
			if who == controllers {
				by[controllers]++
			}
			if !long {
				answers = append(answers, seconds(e))
			}
		case etcd:
			counts.add(Writes, e.Object.Resource, 1)
			by[etcd]++
		case scheduler:
			counts.add(Attempts, map[bool]string{true: "placed", false: "no node"}[e.Verb == "schedule"], 1)
			scheduling = append(scheduling, seconds(e))
			by[scheduler]++
		}
	})
	for _, names := range counts {
		for name := range names {
			names[name] /= passed.Seconds()
		}
	}
	counts.spread(scheduling, "scheduler median", "scheduler worst")
	counts.spread(answers, "API server median", "API server worst")
	for c := range by {
		by[c] /= passed.Seconds()
	}
	t.recent = append(t.recent, by)
	if len(t.recent) > recentSteps {
		t.recent = t.recent[1:]
	}
	return counts
}

// spread adds the median and the worst of some latencies.
func (v Values) spread(list []float64, median, worst string) {
	if len(list) == 0 {
		return
	}
	sort.Float64s(list)
	v.add(Latency, median, list[len(list)/2])
	v.add(Latency, worst, list[len(list)-1])
}

func seconds(e trace.Event) float64 {
	d, err := time.ParseDuration(e.Fields["latency"])
	if err != nil {
		return 0
	}
	return d.Seconds()
}

// client names who asked: a node or a component by what it was authenticated as, since
// most of them are parts of one program; others by what they call themselves.
func (t *traffic) client(e trace.Event) string {
	name, _, _ := strings.Cut(e.Agent, "/")
	own := name == t.program
	who := strings.Split(e.Actor, ":")
	switch {
	case who[0] == "system" && len(who) == 3 && who[1] == "node":
		return who[2]
	case e.Actor == "system:apiserver":
		return apiServer
	case who[0] == "system" && len(who) == 2:
		return who[1]
	case own && who[0] == "system" && who[1] == "serviceaccount":
		return controllers // each of them has an account
	case len(who) > 1 && who[0] != "system":
		return who[1]
	case own:
		return "this app"
	case name == "":
		return "unnamed"
	}
	return name
}

// rates are the means of the last steps by component.
func (t *traffic) rates() map[string]float64 {
	mean := map[string]float64{}
	for _, by := range t.recent {
		for c, n := range by {
			mean[c] += n / float64(len(t.recent))
		}
	}
	return mean
}
