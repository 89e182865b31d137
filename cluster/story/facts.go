package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubarium/cluster/trace"
)

func refused(request trace.Event) bool {
	return strings.HasPrefix(request.Fields["code"], "4") || strings.HasPrefix(request.Fields["code"], "5")
}

// made reports whether a request made a write: it says so by the revision. One that found
// nothing to change names the revision of the write before, and came after that.
func made(request, write trace.Event) bool {
	if !slices.Contains(strings.Split(request.Fields["revisions"], ","), write.Fields["revision"]) {
		return false
	}
	received, err := time.Parse(time.RFC3339Nano, request.Fields["received"])
	return err == nil && !received.After(write.Time)
}

// lasted is from when to when something was done, as far as its event says.
func lasted(e trace.Event) (start, end time.Time) {
	if received, err := time.Parse(time.RFC3339Nano, e.Fields["received"]); err == nil {
		return received, e.Time
	}
	took, err := time.ParseDuration(cmp.Or(e.Fields["took"], e.Fields["latency"]))
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return e.Time.Add(-took), e.Time
}

// resourceOf is the resource of a write, by its key.
func resourceOf(write trace.Event) string {
	parts := strings.Split(strings.TrimPrefix(write.Fields["key"], "/registry/"), "/")
	switch {
	case parts[0] == "minions":
		return "nodes"
	case parts[0] == "services" && len(parts) > 1 && parts[1] == "endpoints":
		return "endpoints"
	case strings.Contains(parts[0], ".") && len(parts) > 1:
		return parts[1]
	}
	return parts[0]
}

// nameKey is what a request and a write both know of an object.
func nameKey(o trace.Object) string {
	resource := o.Resource
	if o.Kind != "" {
		resource = strings.ToLower(o.Kind)
	}
	return strings.TrimSuffix(resource, "s") + "/" + o.Namespace + "/" + o.Name
}

// describe is an object as people name it: "Deployment shop/web".
func describe(o trace.Object) string {
	what := o.Kind
	if what == "" {
		what = o.Resource
	}
	if o.Name == "" {
		return what + " in " + o.Namespace
	}
	return what + " " + strings.TrimPrefix(o.Namespace+"/", "/") + o.Name
}

// who is the program behind a request.
func who(request trace.Event) string {
	actor := request.Actor
	if name, ok := strings.CutPrefix(actor, "system:serviceaccount:kube-system:"); ok {
		return name
	}
	if node, ok := strings.CutPrefix(actor, "system:node:"); ok {
		return "kubelet on " + node
	}
	if account, ok := strings.CutPrefix(actor, "system:serviceaccount:"); ok {
		return "serviceaccount " + strings.Replace(account, ":", "/", 1)
	}
	if component, ok := strings.CutPrefix(actor, "system:"); ok {
		return component
	}
	program, _, _ := strings.Cut(request.Agent, "/")
	if program == "" {
		return actor
	}
	return program + " (" + actor + ")"
}

func verbWord(request trace.Event) string {
	word := request.Verb
	if request.Object.Subresource != "" {
		word += " the " + request.Object.Subresource + " of"
	}
	return word
}

// step tells of a write, and of the requests that may have made it.
func (s *Story) step(w trace.Event, by []trace.Event) Step {
	step := Step{Seq: w.Seq, Time: w.Time, Object: w.Object, Why: s.family[w.Object.UID].why}
	actors := map[string]bool{}
	for _, r := range append(by, s.candidates(w, by)...) {
		actors[who(r)] = true
	}
	names := make([]string, 0, len(actors))
	for name := range actors {
		names = append(names, name)
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		step.Who = "someone"
	case 1:
		step.Who, step.Certain = names[0], true
	default:
		step.Who = "one of " + strings.Join(names, ", ")
	}
	subresource := ""
	if len(by) > 0 {
		subresource = by[0].Object.Subresource
		step.Start, step.End = lasted(by[0])
		step.Detail = by[0].Detail + "; "
	}
	step.What = what(w, subresource)
	step.Detail += "etcd revision " + w.Fields["revision"]
	return step
}

// candidates are the requests of a write that waited in vain for just one.
func (s *Story) candidates(w trace.Event, by []trace.Event) []trace.Event {
	if len(by) > 0 {
		return nil
	}
	var list []trace.Event
	for _, r := range s.requests {
		if made(r, w) {
			list = append(list, r)
		}
	}
	return list
}

// what is a write in words.
func what(w trace.Event, subresource string) string {
	name := describe(w.Object)
	switch {
	case w.Fields["reason"] != "" && w.Object.Kind == "Event":
		return fmt.Sprintf("reports %s: %s", w.Fields["reason"], w.Fields["note"])
	case w.Verb == "create":
		return "creates " + name
	case w.Verb == "delete":
		return "deletes " + name
	case subresource == "binding":
		return "binds " + name + " to " + w.Fields["nodeName"]
	case w.Fields["phase"] != "" && subresource == "status":
		return fmt.Sprintf("says %s is %s%s", name, w.Fields["phase"], map[string]string{"True": " and Ready"}[w.Fields["ready"]])
	}
	verb := "changes "
	if subresource != "" {
		verb = "changes the " + subresource + " of "
	}
	return verb + name + changed(w.Fields["diff"])
}

// changed is the part of a diff that says most, in few words.
func changed(diff string) string {
	var told []string
	for _, line := range strings.Split(diff, "\n") {
		path, change, ok := strings.Cut(line, ": ")
		if !ok || strings.Contains(path, "conditions") || strings.Contains(path, "observedGeneration") || len(change) > 60 {
			continue
		}
		told = append(told, strings.TrimPrefix(path, ".")+" "+change)
		if len(told) == 3 {
			break
		}
	}
	if len(told) == 0 {
		return ""
	}
	return ": " + strings.Join(told, ", ")
}

func attempt(e trace.Event, m member) Step {
	step := Step{Seq: e.Seq, Time: e.Time, Who: "kube-scheduler", Object: m.object, Why: m.why, Certain: true, Detail: e.Detail}
	step.Start, step.End = lasted(e)
	switch name := describe(m.object); {
	case e.Verb == trace.Refuse:
		step.What = "finds no node for " + name
	case e.Verb == trace.Schedule:
		step.What = "chooses " + e.Fields["node"] + " for " + name
	case e.Verb == trace.Preempt && e.Fields["error"] == "":
		step.What = "makes room on " + e.Fields["node"] + " for " + name
	case e.Verb == trace.Preempt:
		step.What = "makes no room for " + name + ": " + e.Detail
	default:
		step.What = "fails at " + name + ": " + e.Detail
	}
	return m.after(step)
}
