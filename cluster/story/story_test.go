package story

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kubarium/cluster/trace"
)

// tape makes events, a millisecond apart.
type tape struct {
	seq   uint64
	story *Story
	told  []Step
}

func (p *tape) at(ms int) time.Time {
	return time.Date(2026, 11, 20, 22, 0, 0, ms*int(time.Millisecond), time.UTC)
}

func (p *tape) add(e trace.Event) {
	p.seq++
	e.Seq = p.seq
	p.told = append(p.told, p.story.Add(e)...)
}

func object(kind, name, uid string) trace.Object {
	return trace.Object{Kind: kind, Resource: strings.ToLower(kind) + "s", Namespace: "shop", Name: name, UID: uid}
}

// write is what etcd tells; the request that made it is answered a little later.
func (p *tape) write(ms int, verb string, o trace.Object, revision int, fields ...string) {
	f := map[string]string{"key": "/registry/" + o.Resource + "/shop/" + o.Name, "revision": fmt.Sprint(revision)}
	for i := 0; i+1 < len(fields); i += 2 {
		f[fields[i]] = fields[i+1]
	}
	p.add(trace.Event{Time: p.at(ms), Component: "etcd", Verb: verb, Object: o, Fields: f})
}

func (p *tape) request(from, to int, actor, agent, verb string, o trace.Object, code string, revisions string) {
	o.Kind, o.UID = "", ""
	p.add(trace.Event{
		Time: p.at(to), Component: "kube-apiserver", Verb: verb, Object: o, Actor: actor, Agent: agent,
		Fields: map[string]string{"received": p.at(from).Format(time.RFC3339Nano), "code": code, "revisions": revisions, "stage": "ResponseComplete"},
	})
}

func (p *tape) expect(t *testing.T, want ...string) {
	t.Helper()
	p.told = append(p.told, p.story.Settle(p.at(10_000))...)
	var got []string
	for i, s := range p.told {
		line := s.Who + " " + s.What
		if !s.Certain {
			line += " (not certain)"
		}
		if s.Why == "" {
			t.Errorf("%q has no cause", line)
		}
		if s.Number != i+1 || s.Start.IsZero() || s.End.Before(s.Start) {
			t.Errorf("%q is step %d, from %s to %s", line, s.Number, s.Start, s.End)
		}
		if i > 0 && s.Time.Before(p.told[i-1].Time) || strings.Contains(s.Detail, ToldLate) {
			t.Errorf("%q is out of order", line)
		}
		got = append(got, line)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the story is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

const serviceAccount = "system:serviceaccount:kube-system:"

func TestCommand(t *testing.T) {
	p := &tape{story: New(Root{Agent: "follow-x"})}
	web, other := object("Deployment", "web", "d"), object("Deployment", "other", "o")
	set, pod := object("ReplicaSet", "web-1", "r"), object("Pod", "web-1-a", "p")
	p.write(1, "create", other, 9)
	p.write(2, "create", web, 10)
	// The controller is quicker than the answer to the command.
	p.write(4, "create", set, 11, "ownerUID", "d")
	p.request(0, 5, "admin", "kubectl/v1 follow-x", "create", web, "201", "10")
	p.request(0, 5, "admin", "kubectl/v1", "create", other, "201", "9")
	p.request(3, 6, serviceAccount+"deployment-controller", "kcm", "create", set, "201", "11")
	// Nobody names the pod in the request: the name is made by the server.
	// The scheduler is quicker than etcd's watch.
	p.add(trace.Event{Time: p.at(6), Component: "kube-scheduler", Verb: "schedule", Object: pod, Fields: map[string]string{"node": "node-2"}})
	p.write(7, "create", pod, 12, "ownerUID", "r")
	nameless := pod
	nameless.Name = ""
	p.request(6, 8, serviceAccount+"replicaset-controller", "kcm", "create", nameless, "201", "12")
	p.write(10, "update", pod, 13, "nodeName", "node-2")
	binding := pod
	binding.Subresource = "binding"
	p.request(9, 11, "system:kube-scheduler", "scheduler", "create", binding, "201", "13")
	status := pod
	status.Subresource = "status"
	p.write(12, "update", pod, 14, "phase", "Running", "ready", "True")
	p.request(12, 13, "system:node:node-2", "kubelet", "patch", status, "200", "14")
	late := web
	late.Subresource = "status"
	p.request(13, 14, serviceAccount+"deployment-controller", "kcm", "update", late, "409", "")
	p.write(20, "create", object("EndpointSlice", "web-x", "e"), 15, "targets", "q,p")
	p.request(19, 21, serviceAccount+"endpointslice-controller", "kcm", "create", object("EndpointSlice", "web-x", "e"), "201", "15")
	p.expect(t,
		"kubectl (admin) creates Deployment shop/web",
		"deployment-controller creates ReplicaSet shop/web-1",
		"replicaset-controller creates Pod shop/web-1-a",
		"kube-scheduler chooses node-2 for Pod shop/web-1-a",
		"kube-scheduler binds Pod shop/web-1-a to node-2",
		"kubelet on node-2 says Pod shop/web-1-a is Running and Ready",
		"deployment-controller comes too late to update the status of deployments shop/web, which has changed meanwhile",
		"endpointslice-controller creates EndpointSlice shop/web-x",
	)
	if n := len(p.story.Objects()); n != 4 {
		t.Errorf("%d objects are in the story: %v", n, p.story.Objects())
	}
}

// TestUncertain tells what the facts leave open.
func TestUncertain(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "a"})}
	pod := object("Pod", "a", "p")
	p.write(1, "create", pod, 1)
	p.request(0, 2, "eve", "curl/8", "create", pod, "201", "1")
	// One who found nothing to change names the same revision, and came later.
	p.request(3, 4, "bob", "kubectl/v1", "patch", pod, "200", "1")
	p.write(10, "update", pod, 2, "diff", ".metadata.labels.x: (none) -> \"y\"")
	p.told = append(p.told, p.story.Settle(p.at(5000))...)
	p.expect(t, "curl (eve) creates Pod shop/a", "someone changes Pod shop/a: metadata.labels.x (none) -> \"y\" (not certain)")
}

func TestRefused(t *testing.T) {
	p := &tape{story: New(Root{Agent: "follow-x"})}
	p.request(0, 1, "admin", "kubectl/v1 follow-x", "create", object("Deployment", "web", ""), "403", "")
	p.expect(t, "kubectl (admin) is refused to create deployments shop/web")
}

// TestOnNode tells what a kubelet did for a pod, in the order in which it was done.
func TestOnNode(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "a"})}
	pod := object("Pod", "a", "p")
	node := func(ms int, uid, verb string, fields ...string) {
		f := map[string]string{"node": "node-1"}
		for i := 0; i+1 < len(fields); i += 2 {
			f[fields[i]] = fields[i+1]
		}
		p.add(trace.Event{Time: p.at(ms), Component: "kubelet", Verb: verb, Object: trace.Object{Kind: "Pod", UID: uid}, Fields: f})
	}
	p.write(1, "create", pod, 1)
	p.request(0, 2, "admin", "kubectl/v1", "create", pod, "201", "1")
	node(30, "p", "CreateContainer", "container", "web", "response", `{"container_id":"0123456789abcdef"}`)
	// The node's events come through a socket: later than others.
	node(20, "p", "RunPodSandbox")
	node(25, "other", "RunPodSandbox")
	node(32, "p", "StartContainer", "container", "web", "pid", "231", "took", "1.5ms")
	node(35, "p", "ContainerStatus", "container", "web")
	for ms := 40; ms < 60; ms += 10 {
		node(ms, "p", "probe", "container", "web", "probe", "readiness", "result", "failed")
	}
	node(60, "p", "probe", "container", "web", "probe", "readiness", "result", "succeeded")
	p.expect(t,
		"kubectl (admin) creates Pod shop/a",
		"kubelet on node-1 has containerd run the sandbox of Pod shop/a",
		"kubelet on node-1 has containerd create container web of Pod shop/a: 0123456789ab",
		"kubelet on node-1 has containerd start container web of Pod shop/a as process 231",
		"kubelet on node-1 finds the readiness probe of container web of Pod shop/a failed",
		"kubelet on node-1 finds the readiness probe of container web of Pod shop/a succeeded",
	)
}

// TestLateEventsAreWaitedFor: on a busy machine what happens on nodes takes ever longer to be
// known, and is in order all the same.
func TestLateEventsAreWaitedFor(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "a"})}
	pod := object("Pod", "a", "p")
	event := func(ms int, component, verb string) {
		p.add(trace.Event{Time: p.at(ms), Component: component, Verb: verb, Object: pod, Fields: map[string]string{"node": "node-1"}})
	}
	p.write(1, "create", pod, 1)
	p.request(0, 2, "admin", "kubectl/v1", "create", pod, "201", "1")
	event(1000, "kube-scheduler", "schedule")
	event(200, "kubelet", "RunPodSandbox")
	event(1100, "kube-scheduler", "schedule")
	event(2500, "kube-scheduler", "schedule")
	event(1050, "kubelet", "StopPodSandbox")
	p.expect(t,
		"kubectl (admin) creates Pod shop/a",
		"kubelet on node-1 has containerd run the sandbox of Pod shop/a",
		"kube-scheduler chooses node-1 for Pod shop/a",
		"kubelet on node-1 has containerd stop the sandbox of Pod shop/a",
		"kube-scheduler chooses node-1 for Pod shop/a",
		"kube-scheduler chooses node-1 for Pod shop/a",
	)
}

// TestRules tells what kube-proxy made of a Service in the story, and of no other.
func TestRules(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "a"})}
	pod, slice := object("Pod", "a", "p"), object("EndpointSlice", "web-x", "e")
	p.write(1, "create", pod, 1)
	p.request(0, 2, "admin", "kubectl/v1", "create", pod, "201", "1")
	p.write(5, "create", slice, 2, "targets", "p", "service", "web", "endpoints", "10.244.1.2:80")
	p.request(4, 6, serviceAccount+"endpointslice-controller", "kcm", "create", slice, "201", "2")
	for i, name := range []string{"web", "other"} {
		p.add(trace.Event{
			Time: p.at(10 + i), Component: "kube-proxy", Verb: "rules", Object: trace.Object{Kind: "Service", Namespace: "shop", Name: name},
			Fields: map[string]string{"node": "node-1", "endpoints": "10.244.1.2:80", "added": "1"},
		})
	}
	p.expect(t,
		"kubectl (admin) creates Pod shop/a",
		"endpointslice-controller creates EndpointSlice shop/web-x",
		"kube-proxy on node-1 has packets to Service shop/web go to 10.244.1.2:80",
	)
}

// TestRulesFollowRevisions tells which revision of which EndpointSlice packet rules follow, and
// says so where none is known that says the same.
func TestRulesFollowRevisions(t *testing.T) {
	p := &tape{story: New(Root{Resource: "services", Namespace: "shop", Name: "web"})}
	service, slice, more := object("Service", "web", "s"), object("EndpointSlice", "web-x", "e"), object("EndpointSlice", "web-y", "f")
	rules := func(ms int, endpoints, added string) {
		p.add(trace.Event{
			Time: p.at(ms), Component: "kube-proxy", Verb: "rules", Object: trace.Object{Kind: "Service", Namespace: "shop", Name: "web"},
			Fields: map[string]string{"node": "node-1", "endpoints": endpoints, "added": added},
		})
	}
	// The kernel may be quicker than etcd's watch.
	rules(1, "a:80", "1")
	p.write(2, "create", service, 1)
	p.write(3, "create", slice, 2, "ownerUID", "s", "service", "web")
	p.write(4, "update", slice, 3, "service", "web", "endpoints", "a:80 b:80")
	rules(5, "b:80 a:80", "3")
	// Another write that changes no endpoint is not what led to it.
	p.write(6, "update", slice, 4, "service", "web", "endpoints", "a:80 b:80")
	p.write(7, "create", more, 5, "ownerUID", "s", "service", "web", "endpoints", "c:80")
	rules(8, "a:80 b:80", "3")
	rules(9, "a:80 b:80 c:80", "3")
	p.write(10, "delete", slice, 6, "service", "web")
	p.write(11, "delete", more, 7, "service", "web")
	rules(12, "", "0")
	rules(13, "d:80", "1")
	p.told = append(p.told, p.story.Settle(p.at(10_000))...)
	var got []string
	for _, s := range p.told {
		if s.Who == "kube-proxy on node-1" {
			got = append(got, fmt.Sprint(s.Certain, s.Why[strings.IndexAny(s.Why, ",;"):]))
		}
	}
	want := []string{
		"false; no revision of its EndpointSlices that is known says the same, so which one led to it is not certain",
		"true, and EndpointSlice shop/web-x says the same since revision 3",
		"true, and EndpointSlice shop/web-x says the same since revision 3",
		"true, and EndpointSlice shop/web-y says the same since revision 5",
		"true, and EndpointSlice shop/web-y has no endpoint left since revision 7",
		"false; no revision of its EndpointSlices that is known says the same, so which one led to it is not certain",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestGapsAreTold(t *testing.T) {
	p := &tape{story: New(Root{Resource: "deployments", Namespace: "shop", Name: "web"})}
	web := object("Deployment", "web", "d")
	// Before there is a story, nothing can be missing in it.
	p.story.Missing(7)
	p.add(trace.Event{Time: p.at(0), Component: "etcd", Verb: "lost", Detail: "revisions 1 to 8"})
	p.write(1, "update", web, 10)
	p.request(0, 2, "admin", "kubectl/v1", "update", web, "200", "10")
	p.add(trace.Event{Time: p.at(3), Component: "kubelet", Verb: "lost", Detail: "2 events of node-1"})
	p.story.Missing(5)
	p.expect(t,
		"trace knows nothing of Deployment shop/web from before (not certain)",
		"kubectl (admin) changes Deployment shop/web",
		"kubelet has a gap: 2 events of node-1 (not certain)",
		"trace has a gap: 5 events were overwritten before they were read (not certain)",
	)
}

func TestAPodLeavesItsNode(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "web"})}
	web := object("Pod", "web", "w")
	broken := trace.Event{Component: "fault", Verb: "inject", Object: trace.Object{Kind: "Node", Name: "node-1"}, Detail: "node-kill node-1"}
	p.write(1, "create", web, 10, "nodeName", "node-1")
	p.request(0, 2, "admin", "kubectl/v1", "create", web, "201", "10")
	broken.Time = p.at(3)
	p.add(broken)
	p.write(4, "delete", web, 11, "nodeName", "node-1")
	p.request(3, 5, "admin", "kubectl/v1", "delete", web, "200", "11")
	broken.Time = p.at(6)
	p.add(broken)
	p.expect(t,
		"kubectl (admin) creates Pod shop/web",
		"fault injects node-kill node-1",
		"kubectl (admin) deletes Pod shop/web",
		"fault injects node-kill node-1 (not certain)",
	)
}
