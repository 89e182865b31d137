package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

// entry tells how a request came in that the story begins with: who asked, how that was
// known and why it was allowed.
func (s *Story) entry(r trace.Event, o trace.Object) []Step {
	f := r.Fields
	at, err := time.Parse(time.RFC3339Nano, f["received"])
	if err != nil || f["path"] == "" || s.entered[f["auditID"]] {
		return nil
	}
	s.entered[f["auditID"]] = true
	why := "it is the request that wrote " + describe(o)
	asks := Step{Seq: r.Seq, Time: at, Who: who(r), Object: o, Why: why, Certain: true, Detail: r.Agent}
	asks.Start, asks.End = lasted(r)
	asks.What = fmt.Sprintf("asks to %s %s: %s", r.Verb, describe(o), f["path"])
	steps := []Step{asks}
	lets := Step{Seq: r.Seq, Time: at, Who: "kube-apiserver", Object: o, Why: why, Certain: true, Detail: f["rule"]}
	if how := f["authentication"]; how != "" {
		lets.What = fmt.Sprintf("knows %s by %s", r.Actor, how)
		steps = append(steps, lets)
	}
	if reason := cmp.Or(f["authorization.k8s.io/reason"], f["allowedBy"]); reason != "" {
		lets.What = "allows it: " + strings.TrimPrefix(reason, "RBAC: allowed by ")
		if f["rule"] != "" {
			lets.What += ", which " + f["rule"]
		}
		steps = append(steps, lets)
	}
	return steps
}

// admitted tells what admission plugins made of a request before it was written.
func admitted(r, w trace.Event) []Step {
	list, err := r.Admissions()
	if err != nil {
		return nil
	}
	var steps []Step
	for _, a := range list {
		if a.Refused != "" {
			continue
		}
		steps = append(steps, Step{
			Seq: w.Seq, Time: w.Time, Who: "kube-apiserver", Object: w.Object, Certain: true,
			What: fmt.Sprintf("has %s change %s%s", a.Plugin, describe(w.Object), changed(strings.Join(a.Changes, "\n"))),
			Why:  "the admission plugin changed it before it was written", Detail: strings.Join(a.Changes, "; "),
		})
	}
	return steps
}

// notify tells who got a new object, or its end, by a watch.
func (s *Story) notify(e trace.Event) {
	m, ok := s.family[e.Object.UID]
	switch {
	case e.Fields["change"] == "modified":
		return
	case !ok:
		s.attempts = append(s.attempts, e)
		return
	case m.object.Kind == "Event":
		return
	}
	what := "tells %s watchers of %s: %s"
	if e.Fields["change"] == "deleted" {
		what = "tells %s watchers of the end of %s: %s"
	}
	s.told = append(s.told, m.after(Step{
		Seq: e.Seq, Time: e.Time, Who: "kube-apiserver", Object: m.object, Certain: true,
		What: fmt.Sprintf(what, e.Fields["watchers"], describe(m.object), e.Fields["to"]),
		Why:  "its UID and revision " + e.Fields["revision"] + " are those of " + describe(m.object),
	}))
}

// verbose is from where on what a controller says tells only that it woke.
const verbose = "2"

// words tells what a controller says of an object in the story: that it wakes for it, what it
// finds missing and what fails. It names the object, not its UID.
func (s *Story) words(e trace.Event) {
	if e.Object.Name == "" {
		return
	}
	m, ok := s.family[s.byName[nameKey(e.Object)]]
	if !ok {
		s.attempts = append(s.attempts, e)
		return
	}
	step := Step{
		Seq: e.Seq, Time: e.Time, Who: e.Actor, Object: m.object, Certain: true, Detail: e.Detail + "; " + e.Fields["source"],
		Why: "it names " + describe(m.object),
	}
	key := e.Actor + " " + m.object.UID
	switch {
	case e.Verb == "fail" || e.Fields["value.err"] != "":
		step.What = fmt.Sprintf("fails at %s: %s", describe(m.object), cmp.Or(e.Fields["value.err"], e.Fields["message"]))
	case e.Fields["verbosity"] <= verbose:
		step.What = fmt.Sprintf("says of %s: %s", describe(m.object), e.Detail)
	case !s.woken[key]:
		step.What = fmt.Sprintf("wakes for %s: %s", describe(m.object), e.Fields["message"])
	default:
		return
	}
	s.woken[key] = true
	s.told = append(s.told, m.after(step))
}

// done tells of a fault or a hold that is about an object in the story, or about the node of
// a pod in it.
func (s *Story) done(e trace.Event) {
	step := Step{Seq: e.Seq, Time: e.Time, Who: e.Component, Object: e.Object, Certain: true, What: e.Verb + "s " + e.Detail}
	if e.Component == "hold" {
		step.What = map[string]string{"wait": "has a request wait, ", "pass": "lets a request go on, ", "return": "sends a request back, ", "lose": "lost a request's client, "}[e.Verb] + e.Detail
	}
	m, ok := s.family[s.byName[nameKey(e.Object)]]
	switch pod, there := s.hosts.on(e.Object.Name); {
	case ok:
		step.Object, step.Why = m.object, "it is about "+describe(m.object)
		s.told = append(s.told, m.after(step))
	case e.Object.Kind == "Node" && there:
		step.Why = describe(pod) + " is on that node"
		s.told = append(s.told, step)
	case e.Component == "fault" && len(s.family) > 0:
		step.Why, step.Certain = "it is done meanwhile; whether it matters here is not known", false
		s.told = append(s.told, step)
	}
}

// written is a write with what led to it.
func (s *Story) written(w trace.Event, by []trace.Event) []Step {
	var steps []Step
	s.hosts.note(w)
	if len(by) == 1 {
		if s.begins(w, by[0]) {
			steps = append(steps, s.entry(by[0], w.Object)...)
		}
		steps = append(steps, admitted(by[0], w)...)
	}
	return append(steps, s.step(w, by))
}

// begins reports whether a request is one that the story begins with: the command's, or that
// which made or last changed what it is about from outside.
func (s *Story) begins(w, r trace.Event) bool {
	if s.root.Agent != "" {
		return strings.Contains(r.Agent, s.root.Agent)
	}
	return s.isRoot(w) && !slices.ContainsFunc([]string{"system:serviceaccount:kube-system:", "system:node:", "system:kube-"}, func(own string) bool {
		return strings.HasPrefix(r.Actor, own)
	})
}
