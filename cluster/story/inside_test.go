package story

import (
	"testing"
	"time"

	"kubarium/cluster/trace"
)

// TestInside tells how a command came in and what it woke, and what was done meanwhile.
func TestInside(t *testing.T) {
	p := &tape{story: New(Root{Agent: "follow-x"})}
	pod := object("Pod", "a", "p")
	// A controller may speak of it, and watchers may have it, before etcd tells of it.
	p.add(trace.Event{
		Time: p.at(2), Component: "kube-controller-manager", Verb: "say", Actor: "disruption-controller",
		Object: trace.Object{Kind: "Pod", Namespace: "shop", Name: "a"}, Fields: map[string]string{"message": "addPod", "verbosity": "4"},
	})
	p.write(1, "create", pod, 1, "nodeName", "node-2")
	p.add(trace.Event{
		Time: p.at(3), Component: "kube-apiserver", Verb: "create", Object: trace.Object{Resource: "pods", Namespace: "shop", Name: "a"}, Actor: "eve", Agent: "kubectl/v1 follow-x",
		Fields: map[string]string{
			"received": p.at(0).Format(time.RFC3339Nano), "code": "201", "revisions": "1", "path": "/api/v1/namespaces/shop/pods", "auditID": "1",
			"authentication": "client certificate", "authorization.k8s.io/reason": `RBAC: allowed by RoleBinding "b/shop" of Role "r" to User "eve"`, "rule": "may create pods",
			"admission": `[{"plugin":"Priority","changes":[".spec.priority: (none) -> 0"]}]`,
		},
	})
	p.add(trace.Event{Time: p.at(4), Component: "kube-apiserver", Verb: "notify", Object: pod, Fields: map[string]string{"revision": "1", "watchers": "2", "to": "a, b", "change": "added"}})
	for _, verbosity := range []string{"4", "2"} {
		p.add(trace.Event{
			Time: p.at(5), Component: "kube-controller-manager", Verb: "say", Actor: "disruption-controller", Detail: "no budget for=a",
			Object: trace.Object{Kind: "Pod", Namespace: "shop", Name: "a"}, Fields: map[string]string{"message": "again", "verbosity": verbosity},
		})
	}
	p.add(trace.Event{
		Time: p.at(6), Component: "kube-controller-manager", Verb: "say", Actor: "disruption-controller",
		Object: trace.Object{Kind: "Pod", Namespace: "shop", Name: "other"}, Fields: map[string]string{"message": "addPod", "verbosity": "2"},
	})
	p.add(trace.Event{Time: p.at(7), Component: "fault", Verb: "inject", Detail: "node-kill", Object: trace.Object{Kind: "Node", Name: "node-2"}})
	p.add(trace.Event{Time: p.at(8), Component: "fault", Verb: "inject", Detail: "node-kill", Object: trace.Object{Kind: "Node", Name: "node-3"}})
	p.add(trace.Event{Time: p.at(9), Component: "hold", Verb: "wait", Detail: "by bindings: bind a", Object: trace.Object{Resource: "pods", Namespace: "shop", Name: "a"}})
	p.expect(t,
		"kubectl (eve) asks to create Pod shop/a: /api/v1/namespaces/shop/pods",
		"kube-apiserver knows eve by client certificate",
		`kube-apiserver allows it: RoleBinding "b/shop" of Role "r" to User "eve", which may create pods`,
		"kube-apiserver has Priority change Pod shop/a: spec.priority (none) -> 0",
		"kubectl (eve) creates Pod shop/a",
		"disruption-controller wakes for Pod shop/a: addPod",
		"kube-apiserver tells 2 watchers of Pod shop/a: a, b",
		"disruption-controller says of Pod shop/a: no budget for=a",
		"fault injects node-kill",
		"fault injects node-kill (not certain)",
		"hold has a request wait, by bindings: bind a",
	)
}

// TestSeenBeforeEtcdTells keeps the order of what was seen before etcd's watch told of the
// object, whichever came through the trace first.
func TestSeenBeforeEtcdTells(t *testing.T) {
	p := &tape{story: New(Root{Resource: "pods", Namespace: "shop", Name: "a"})}
	pod := object("Pod", "a", "p")
	p.add(trace.Event{
		Time: p.at(2), Component: "kube-controller-manager", Verb: "say", Actor: "job-controller",
		Object: trace.Object{Kind: "Pod", Namespace: "shop", Name: "a"}, Fields: map[string]string{"message": "addPod", "verbosity": "4"},
	})
	p.write(3, "create", pod, 1)
	p.add(trace.Event{Time: p.at(1), Component: "kube-apiserver", Verb: "notify", Object: pod, Fields: map[string]string{"revision": "1", "watchers": "1", "to": "a", "change": "added"}})
	p.request(0, 4, "eve", "curl/8", "create", pod, "201", "1")
	p.expect(t, "curl (eve) creates Pod shop/a", "kube-apiserver tells 1 watchers of Pod shop/a: a", "job-controller wakes for Pod shop/a: addPod")
}
