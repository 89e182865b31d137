package story

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// slicesKept is how many writes of a Service's EndpointSlices are kept, to find out which of
// them its packet rules follow.
const slicesKept = 64

// sliceWrite is what an EndpointSlice says from a revision on.
type sliceWrite struct {
	name, revision string
	at             time.Time
	// endpoints are the addresses and ports that take packets.
	endpoints []string
}

// keepSlice remembers what an EndpointSlice in the story says.
func (s *Story) keepSlice(w trace.Event) {
	service := w.Fields["service"]
	if w.Object.Kind != "EndpointSlice" || service == "" {
		return
	}
	one := sliceWrite{name: describe(w.Object), revision: w.Fields["revision"], at: w.Time}
	if w.Verb != "delete" {
		one.endpoints = strings.Fields(w.Fields["endpoints"])
	}
	key := w.Object.Namespace + "/" + service
	list := append(s.slices[key], one)
	s.slices[key] = list[max(0, len(list)-slicesKept):]
}

// cause finds the revision of an EndpointSlice from which on the slices of a Service had just
// these endpoints, before a time: the latest, if they had them more than once.
func (s *Story) cause(service string, endpoints []string, before time.Time) (sliceWrite, bool) {
	want := slices.Sorted(slices.Values(endpoints))
	now := map[string][]string{}
	var found sliceWrite
	ok, same := false, false
	for _, w := range s.slices[service] {
		if w.at.After(before) {
			break
		}
		now[w.name] = w.endpoints
		var all []string
		for _, list := range now {
			all = append(all, list...)
		}
		slices.Sort(all)
		was := same
		if same = slices.Equal(slices.Compact(all), want); same && !was {
			found, ok = w, true
		}
	}
	return found, ok
}

// rules tells that kube-proxy changed the packet rules of a Service in the story.
func (s *Story) rules(e trace.Event) {
	if e.Verb != "rules" {
		return
	}
	service := e.Object.Namespace + "/" + e.Object.Name
	m, ok := s.family[s.services[service]]
	if !ok {
		s.attempts = append(s.attempts, e)
		return
	}
	step := Step{
		Seq: e.Seq, Time: e.Time, Who: "kube-proxy on " + e.Fields["node"], Object: e.Object,
		Why: "the chains have the name of the Service of " + describe(m.object), Detail: e.Detail + " in " + e.Fields["chains"],
	}
	if e.Fields["by"] != "" {
		step.Detail += ", by the program " + e.Fields["by"]
	}
	switch {
	case e.Fields["endpoints"] != "":
		step.What = "has packets to " + describe(e.Object) + " go to " + e.Fields["endpoints"]
	case e.Fields["added"] == "0":
		step.What = "takes away rules of " + describe(e.Object)
	default:
		step.What = "changes the rules of " + describe(e.Object)
	}
	// That a revision led to it is a fact if it says just what the rules say.
	w, ok := s.cause(service, strings.Fields(e.Fields["endpoints"]), e.Time)
	switch step.Certain = ok; {
	case !ok:
		step.Why += "; no revision of its EndpointSlices that is known says the same, so which one led to it is not certain"
	case len(w.endpoints) == 0:
		step.Why += fmt.Sprintf(", and %s has no endpoint left since revision %s", w.name, w.revision)
	default:
		step.Why += fmt.Sprintf(", and %s says the same since revision %s", w.name, w.revision)
	}
	s.told = append(s.told, m.after(step))
}
