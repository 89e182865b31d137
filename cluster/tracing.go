package cluster

import (
	"strings"
	"time"

	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/trace"
)

// traceOwn has the trace tell what is done to the cluster on purpose, among what comes of
// it.
func (c *Cluster) traceOwn() {
	if c.options.NoTrace {
		return
	}
	c.faults.Tell(func(verb string, a fault.Active) { c.trace.Add(faultEvent(verb, a)) })
	c.holds.Tell(func(change hold.Change) { c.trace.Add(holdEvent(change)) })
}

func faultEvent(verb string, a fault.Active) trace.Event {
	e := trace.Event{
		Time: time.Now(), Component: "fault", Verb: verb, Object: targetObject(a), Detail: a.Name + ": " + a.Expect,
		Fields: map[string]string{"fault": a.Name, "target": a.Target},
	}
	switch {
	case a.Trouble != "":
		e.Detail, e.Fields["trouble"] = a.Name+": "+a.Trouble, a.Trouble
	case verb == "heal":
		e.Detail = a.Name
	case a.For > 0:
		e.Fields["for"] = a.For.String()
	}
	for name, value := range a.Params {
		e.Fields["param."+name] = value
	}
	return e
}

// targetObject is what a fault's target names, by what the fault is done to.
func targetObject(a fault.Active) trace.Object {
	f, err := fault.Find(a.Name)
	parts := strings.Split(a.Target, "/")
	switch {
	case err != nil:
	case strings.HasPrefix(f.Target, "NODE"):
		return trace.Object{Version: "v1", Kind: "Node", Resource: "nodes", Name: parts[0]}
	case strings.Contains(f.Target, "/]POD") && len(parts) > 1:
		return trace.Object{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: parts[0], Name: parts[1]}
	case strings.Contains(f.Target, "/]POD"):
		return trace.Object{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: "default", Name: parts[0]}
	}
	return trace.Object{Resource: "target", Name: a.Target}
}

func holdEvent(change hold.Change) trace.Event {
	e := trace.Event{
		Time: time.Now(), Component: "hold", Verb: change.Verb, Detail: change.Rule,
		Object: trace.Object{Resource: "rule", Name: change.Rule}, Fields: map[string]string{"rule": change.Rule},
	}
	q := change.Request
	if q == nil {
		return e
	}
	e.Actor, e.Agent = q.User, q.Agent
	e.Object = trace.Object{Group: q.Group, Resource: q.Resource, Subresource: q.Subresource, Namespace: q.Namespace, Name: q.Name}
	e.Fields["verb"], e.Fields["does"], e.Fields["path"] = q.Verb, q.Does, q.Path
	e.Detail = "by " + change.Rule + ": " + q.Does
	if change.Verb != "wait" {
		waited := time.Since(q.Since).Round(time.Millisecond).String()
		e.Fields["waited"] = waited
		e.Detail += ", waited " + waited
	}
	return e
}
