// Package story tells what came of one object or one command, in order: who asked for
// what, who wrote what because of it, and where the pods went.
//
// A story is made of the facts in the trace: UIDs, owner references, names and times. A
// cause that these leave open is said to be so. DESIGN.md tells how they are joined.
package story

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// patience is how long a write waits for the request that made it: the trace has it when
// it is answered, a moment after the write.
const patience = 10 * time.Second

// transit is how long what happens on a node may take to be in the trace, on a machine that
// is not busy; longestTransit is how long it is waited for at most on one that is.
const (
	transit        = time.Second
	longestTransit = 5 * time.Second
)

// ToldLate is in the detail of a step that came when later ones were told already.
const ToldLate = "; told late, it was at "

// Step is one thing that happened.
type Step struct {
	// Number counts the steps of a story, from 1.
	Number int `json:"number"`
	// Seq is the event in the trace that shows it; one event may show several steps.
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	// Start and End are from when to when it was done, as far as that is known: a request
	// takes from its receipt to its answer, and its write is told of in between.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Who did it: a component, a controller, a kubelet or a user's program.
	Who string `json:"who"`
	// What was done, and to which object.
	What   string       `json:"what"`
	Object trace.Object `json:"object,omitzero"`
	// Why is the fact that makes it part of the story.
	Why string `json:"why"`
	// Certain is false where the facts leave open who did it.
	Certain bool `json:"certain"`
	// Detail is the rest that is known: answer, latency, reason, changes.
	Detail string `json:"detail,omitempty"`
	// order is when it was seen, where that was before the object was: what is told then at
	// the same time is in this order.
	order time.Time
}

// Root is what a story begins with.
type Root struct {
	// Resource, Namespace and Name are an object's; Group may be left open.
	Resource, Group, Namespace, Name string
	// Agent is part of the user agent of a command's requests: what it writes is the root.
	Agent string
}

// Story joins events as they come.
type Story struct {
	root Root
	// family are the objects of the story by their UID.
	family map[string]member
	// byName finds the UID of a member by what a request knows of it.
	byName map[string]string
	// writes wait for their requests; requests are kept for the writes to come.
	writes, requests []trace.Event
	// told are steps that wait until those before them can be told.
	told []Step
	// strangers are the newest writes, and attempts what the scheduler and kubelets did, that
	// nothing joins to the story yet.
	strangers, attempts []trace.Event
	// services are the names of Services in the story, or of those that an EndpointSlice in it
	// belongs to, with the UID of that.
	services map[string]string
	// slices are the writes of their EndpointSlices, by the Service.
	slices map[string][]sliceWrite
	// last is the time of the newest event, given that of the last step that was given out,
	// and count how many were.
	last, given time.Time
	count       int
	// held is for how long steps are held back: twice as long as an event was late so far.
	held time.Duration
	// probed is how the last probe of a container went: only a change is told.
	probed map[string]string
	// woken are the controllers that woke for an object, entered the requests that were told
	// of, hosts the nodes of the pods of the story.
	woken, entered map[string]bool
	hosts          hosts
}

type member struct {
	object trace.Object
	why    string
	// since is when etcd told of the object first.
	since time.Time
}

// after puts a step behind the object that it is about: nothing of an object is told before
// it is, and etcd's watch may be the last to tell.
func (m member) after(step Step) Step {
	if step.order = step.Time; step.Time.Before(m.since) {
		step.Time = m.since.Add(time.Nanosecond)
	}
	return step
}

// New begins a story.
func New(root Root) *Story {
	return &Story{
		root: root, family: map[string]member{}, byName: map[string]string{}, probed: map[string]string{},
		woken: map[string]bool{}, entered: map[string]bool{}, hosts: hosts{}, services: map[string]string{},
		slices: map[string][]sliceWrite{}, held: transit,
	}
}

// Add takes the next event, and returns the steps that are complete now.
func (s *Story) Add(e trace.Event) []Step {
	if e.Time.After(s.last) {
		s.last = e.Time
	}
	s.held = max(s.held, min(2*s.last.Sub(e.Time), longestTransit))
	if e.Verb == "lost" {
		s.gap(e.Time, e.Component, e.Detail)
		return s.settle(s.last.Add(-patience), s.last.Add(-s.held))
	}
	switch e.Component {
	case "kube-apiserver":
		if e.Verb == "notify" {
			s.notify(e)
			break
		}
		s.told = append(s.told, s.request(e)...)
	case "kube-controller-manager":
		s.words(e)
	case "fault", "hold":
		s.done(e)
	case "etcd":
		s.told = append(s.told, s.write(e)...)
	case "kube-scheduler":
		s.attempt(e)
	case "kubelet":
		if tells(e) {
			s.attempt(e)
		}
	case "kube-proxy":
		s.rules(e)
	}
	return s.settle(s.last.Add(-patience), s.last.Add(-s.held))
}

// Settle gives out, in order, what is complete, and the writes before a time whose request
// did not come.
func (s *Story) Settle(before time.Time) []Step { return s.settle(before, before) }

// settle gives out the steps until a time, and gives up waiting for the requests of writes
// before a time.
func (s *Story) settle(before, until time.Time) []Step {
	s.writes = slices.DeleteFunc(s.writes, func(w trace.Event) bool {
		if w.Time.After(before) {
			return false
		}
		s.told = append(s.told, s.written(w, nil)...)
		return true
	})
	s.requests = slices.DeleteFunc(s.requests, func(r trace.Event) bool { return r.Time.Before(before) })
	s.strangers = slices.DeleteFunc(s.strangers, func(w trace.Event) bool { return w.Time.Before(before) })
	s.attempts = slices.DeleteFunc(s.attempts, func(e trace.Event) bool { return e.Time.Before(before) })
	return s.release(until)
}

// release gives out the steps until a time before which nothing waits for its request.
func (s *Story) release(until time.Time) []Step {
	slices.SortStableFunc(s.told, func(a, b Step) int {
		return cmp.Or(a.Time.Compare(b.Time), a.order.Compare(b.order), cmp.Compare(a.Seq, b.Seq))
	})
	n := len(s.told)
	if at := slices.IndexFunc(s.told, func(step Step) bool { return step.Time.After(until) }); at >= 0 {
		n = at
	}
	for _, w := range s.writes {
		at := slices.IndexFunc(s.told, func(step Step) bool { return !step.Time.Before(w.Time) })
		if at >= 0 {
			n = min(n, at)
		}
	}
	steps := slices.Clone(s.told[:n])
	s.told = slices.Delete(s.told, 0, n)
	for i := range steps {
		step := &steps[i]
		s.count++
		step.Number = s.count
		if step.Start.IsZero() {
			step.Start, step.End = step.Time, step.Time
		}
		if step.Time.Before(s.given) {
			step.Detail += ToldLate + step.Time.Format(time.RFC3339Nano)
			step.Time = s.given
		}
		s.given = step.Time
	}
	return steps
}

// Objects are the members of the story.
func (s *Story) Objects() []trace.Object {
	var list []trace.Object
	for _, m := range s.family {
		list = append(list, m.object)
	}
	slices.SortFunc(list, func(a, b trace.Object) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// request keeps a request that may have made a write, and tells of one that failed.
func (s *Story) request(e trace.Event) []Step {
	if !trace.Changes(e.Verb) || e.Fields["stage"] == "ResponseStarted" {
		return nil
	}
	var steps []Step
	rooted := s.root.Agent != "" && strings.Contains(e.Agent, s.root.Agent)
	if refused(e) {
		_, known := s.byName[nameKey(e.Object)]
		if !known && !rooted {
			return nil
		}
		why := "it is about " + describe(e.Object)
		if rooted {
			why = "the command asked for it"
		}
		text := "is refused to " + verbWord(e) + " " + describe(e.Object)
		if e.Fields["code"] == "409" && e.Verb != "create" {
			text = "comes too late to " + verbWord(e) + " " + describe(e.Object) + ", which has changed meanwhile"
		}
		step := Step{Seq: e.Seq, Time: e.Time, Who: who(e), What: text, Object: e.Object, Why: why, Certain: true, Detail: e.Detail}
		step.Start, step.End = lasted(e)
		return []Step{step}
	}
	s.requests = append(s.requests, e)
	if rooted {
		steps = s.adopt(e)
	}
	s.writes = slices.DeleteFunc(s.writes, func(w trace.Event) bool {
		if !made(e, w) || others(s.requests, w) {
			return false
		}
		steps = append(steps, s.written(w, []trace.Event{e})...)
		return true
	})
	return steps
}

// adopt takes the objects that a command wrote into the story; their writes may have come
// before the command's request was answered.
func (s *Story) adopt(request trace.Event) []Step {
	for _, w := range s.strangers {
		if made(request, w) {
			s.join(w, "the command asked for it")
		}
	}
	var steps []Step
	strangers := s.strangers
	s.strangers = nil
	for _, w := range strangers {
		steps = append(steps, s.write(w)...)
	}
	return steps
}

// others reports whether more than one request may have made a write. It then waits for
// all of them.
func others(requests []trace.Event, w trace.Event) bool {
	actors := map[string]bool{}
	for _, r := range requests {
		if made(r, w) {
			actors[who(r)] = true
		}
	}
	return len(actors) > 1
}

// write finds out whether a write belongs to the story.
func (s *Story) write(e trace.Event) []Step {
	if e.Object.UID == "" {
		return nil
	}
	if !s.belongs(e) {
		s.strangers = append(s.strangers, e)
		return nil
	}
	return s.tellWrite(e)
}

// tellWrite tells of a write in the story, or has it wait for its request.
func (s *Story) tellWrite(e trace.Event) []Step {
	s.keepSlice(e)
	var by []trace.Event
	for _, r := range s.requests {
		if made(r, e) {
			by = append(by, r)
		}
	}
	if len(by) > 0 && !others(s.requests, e) {
		return s.written(e, by)
	}
	s.writes = append(s.writes, e)
	return nil
}

// belongs reports whether a written object is in the story, and takes it in if a fact says
// so.
func (s *Story) belongs(e trace.Event) bool {
	if _, ok := s.family[e.Object.UID]; ok {
		return true
	}
	if s.isRoot(e) {
		why := "it is what the story is about"
		if s.root.Agent != "" {
			why = "the command asked for it"
		}
		s.join(e, why)
		return true
	}
	if owner, ok := s.family[e.Fields["ownerUID"]]; ok {
		s.join(e, "it is owned by "+describe(owner.object))
		return true
	}
	if m, ok := s.family[e.Fields["regarding"]]; ok {
		s.join(e, "it tells of "+describe(m.object))
		return true
	}
	for _, uid := range strings.Split(e.Fields["targets"], ",") {
		if m, ok := s.family[uid]; ok {
			s.join(e, "it leads to "+describe(m.object))
			return true
		}
	}
	return false
}

func (s *Story) isRoot(e trace.Event) bool {
	r := s.root
	if r.Agent != "" {
		// A write whose request has come already; else the request adopts it later.
		for _, request := range s.requests {
			if strings.Contains(request.Agent, r.Agent) && made(request, e) {
				return true
			}
		}
		return false
	}
	return resourceOf(e) == r.Resource && e.Object.Namespace == r.Namespace && e.Object.Name == r.Name &&
		(r.Group == "" || r.Group == e.Object.Group)
}

func (s *Story) join(write trace.Event, why string) {
	o := write.Object
	if _, known := s.family[o.UID]; known || o.UID == "" {
		return
	}
	if o.Kind == "Service" {
		s.services[o.Namespace+"/"+o.Name] = o.UID
	} else if service := write.Fields["service"]; service != "" && s.services[o.Namespace+"/"+service] == "" {
		s.services[o.Namespace+"/"+service] = o.UID
	}
	if len(s.family) == 0 && s.root.Agent == "" && write.Verb != "create" {
		s.opening(write)
	}
	s.family[o.UID] = member{object: o, why: why, since: write.Time}
	s.byName[nameKey(o)] = o.UID
	attempts := s.attempts
	s.attempts = nil
	for _, e := range attempts {
		switch {
		case e.Verb == "notify":
			s.notify(e)
		case e.Component == "kube-controller-manager":
			s.words(e)
		case e.Component == "kube-proxy":
			s.rules(e)
		default:
			s.attempt(e)
		}
	}
}

// attempt tells what the scheduler or a kubelet did for a pod in the story. They may act on
// a write before etcd's watch tells of it: then the attempt waits.
func (s *Story) attempt(e trace.Event) {
	m, ok := s.family[e.Object.UID]
	switch {
	case ok && e.Component == "kubelet":
		if step, ok := s.onNode(e, m); ok {
			s.told = append(s.told, step)
		}
		return
	case ok:
		s.told = append(s.told, attempt(e, m))
		return
	}
	s.attempts = append(s.attempts, e)
}
