package ui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/etcd"
	"kubarium/ui/glass"
)

// seenInside is a trace of a Deployment's first second.
func seenInside() *trace.Store {
	s := trace.NewStore()
	at := moment()
	add := func(e trace.Event) {
		at = at.Add(7 * time.Millisecond)
		e.Time = at
		s.Add(e)
	}
	deployment := trace.Object{Group: "apps", Version: "v1", Resource: "deployments", Namespace: "shop", Name: "web"}
	pod := trace.Object{Version: "v1", Resource: "pods", Namespace: "shop", Name: "web-1"}
	add(trace.Event{Component: "kube-apiserver", Verb: "get", Object: deployment, Actor: "kubernetes-admin", Fields: map[string]string{"code": "404"}})
	add(trace.Event{Component: "etcd", Verb: "create", Object: deployment, Fields: map[string]string{"key": "/registry/deployments/shop/web", "revision": "731", "size": "1059"}})
	admission := `[{"plugin":"Priority","changes":[".spec.priority: (none) -> 0"]}]`
	add(trace.Event{Component: "kube-apiserver", Verb: "create", Object: deployment, Actor: "kubernetes-admin", Agent: "kubectl/v1.37.1", Fields: map[string]string{
		"code": "201", "revisions": "731", "latency": "4.1ms", "authentication": "client certificate, SHA-256 8f0c6e9c3d95d851",
		"allowedBy": "group system:masters may do all", "path": "/apis/apps/v1/namespaces/shop/deployments", "admission": admission,
	}})
	add(trace.Event{Component: "kube-apiserver", Verb: "notify", Object: deployment, Fields: map[string]string{"revision": "731", "watchers": "2", "to": "system:kube-controller-manager, system:apiserver"}})
	add(trace.Event{Component: "kube-controller-manager", Verb: "say", Actor: "deployment-controller", Object: deployment, Detail: "Adding deployment deployment=shop/web", Fields: map[string]string{"message": "Adding deployment", "source": "deployment/deployment_controller.go:203"}})
	for i := range 40 {
		add(trace.Event{Component: "kube-controller-manager", Verb: "say", Actor: "replicaset-controller", Object: deployment, Detail: fmt.Sprintf("Too few replicas need=%d", i), Fields: map[string]string{"message": "Too few replicas", "value.need": fmt.Sprint(i)}})
	}
	add(trace.Event{Component: "kube-controller-manager", Verb: "fail", Actor: "job-controller", Detail: "syncing job err=conflict", Fields: map[string]string{"message": "syncing job", "value.err": "conflict"}})
	add(trace.Event{Component: "kube-scheduler", Verb: "schedule", Object: pod, Detail: "chose node-2, of 2 that fit: 150 to 90 points, NodeResourcesFit +60", Fields: map[string]string{
		"node": "node-2", "filters": "NodeName,TaintToleration", "weights": `{"NodeResourcesFit":1}`,
		"nodes": `[{"node":"node-2","fits":true,"scores":{"NodeResourcesFit":150},"total":150},{"node":"node-1","fits":true,"scores":{"NodeResourcesFit":90},"total":90}]`,
	}})
	add(trace.Event{Component: "kube-apiserver", Verb: "create", Object: trace.Object{Resource: "secrets", Namespace: "shop", Name: "s"}, Actor: "system:serviceaccount:shop:default", Fields: map[string]string{"code": "403"}})
	lease := trace.Object{Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Namespace: "kube-node-lease", Name: "node-2"}
	add(trace.Event{Component: "kube-apiserver", Verb: "update", Object: lease, Actor: "system:node:node-2", Fields: map[string]string{"code": "200"}})
	add(trace.Event{Component: "kubelet", Verb: "RunPodSandbox", Actor: "node-2", Object: pod, Detail: "ok in 120ms"})
	add(trace.Event{Component: "kube-proxy", Verb: "rules", Object: trace.Object{Resource: "services", Namespace: "shop", Name: "web"}, Detail: "on node-3: 3 rules added, 2 removed, to 10.244.1.5:8080", Fields: map[string]string{"node": "node-3", "by": "kube-proxy"}})
	add(trace.Event{Component: "fault", Verb: "inject", Object: trace.Object{Resource: "nodes", Name: "node-3"}, Detail: "node-kill: the node is gone"})
	add(trace.Event{Component: "hold", Verb: "wait", Object: pod, Actor: "system:kube-scheduler", Detail: "by bindings: bind web-1 to node-2"})
	return s
}

// withGlass lets a driver's cluster be seen inside: once, since nothing more happens.
func withGlass(d *driver) *driver {
	store := seenInside()
	d.app.opts.Glass = glass.Sources{
		Flow: func(ctx context.Context, want glass.Want) (glass.Batch, bool) {
			return glass.Read(ctx, store, want), want.After == 0
		},
		Queues: func() ([]trace.WorkQueue, error) {
			d.fake.gate.without("glass: Queues")
			return []trace.WorkQueue{{Name: "deployment", Depth: 3, Adds: 21, Retries: 2}, {Name: "job", Adds: 4}, {Name: "idle"}}, nil
		},
		Pending: func() ([]trace.PendingPod, error) {
			return []trace.PendingPod{{Queue: "unschedulable", Namespace: "shop", Name: "huge", Why: "0/3 nodes are available", Plugins: []string{"NodeResourcesFit"}, Attempts: 2}}, nil
		},
		Value: func(ctx context.Context, key string, revision int64) (stored.Entry, error) {
			if err := d.fake.gate.with(ctx, "glass: Value"); err != nil {
				return stored.Entry{}, err
			}
			if revision != 731 {
				return stored.Entry{}, errors.New("compacted")
			}
			return stored.Entry{Key: key, Value: []byte(`{"kind":"Deployment","metadata":{"name":"web"}}`)}, nil
		},
	}
	return d
}

func openGlassOf(d *driver) *driver {
	withGlass(d)
	d.command("glass")
	return d
}

func TestGlass(t *testing.T) {
	d := openGlassOf(up(t, 120, 40))
	d.sees("API server", "etcd", "Scheduler", "Controllers", "Nodes", "On purpose", "1 unschedulable", "3 wait", "42 events",
		"kubernetes-admin", "chose node-2", "need=39", "RunPodSandbox", "kube-proxy rules services/shop/web", "node-kill", "by bindings", "notify  2    deployments/")
	d.seesNot("404", "need=2 ", "leases/kube")
	d.press("r")
	d.sees("404")
	d.press("b")
	d.sees("leases/kube")
	d.press("b")
	d.press("r", "up", "up", "enter")
	d.sees("knownBy: client certificate", "allowed: group system:masters may do all", "Priority:", ".spec.priority: (none) -> 0", "toldWatchers:", "system:apiserver")
	d.press("esc", "tab", "enter")
	d.sees("key: /registry/deployments/shop/web", "kind: Deployment")
	d.press("x")
	d.sees("7b 22 6b 69", "bytes")
	d.press("esc", "tab", "enter")
	d.sees("NodeResourcesFit gave node-2 150 points", "TaintToleration", "TOTAL")
	d.press("esc", "w")
	d.sees("unschedulable", "shop/huge: 0/3 nodes are available", "refused by NodeResourcesFit", "deployment", "21")
	d.seesNot("idle")
	d.press("esc", "/")
	d.write("secrets")
	d.press("enter")
	d.sees("403", "Nothing fits the filter.")
	d.seesNot("RunPodSandbox")
	d.press("esc", "esc")
	d.seesNot("On purpose")
	d = openGlassOf(withEtcd(up(t, 120, 40)))
	d.press("e")
	d.sees("etcd /registry/")
	d.press("esc")
	d.sees("On purpose")
}

// TestGlassSaysThatItReads: before the trace has told what it has, nobody knows that there is
// nothing.
func TestGlassSaysThatItReads(t *testing.T) {
	d := up(t, 120, 40)
	v, _ := glass.Open(d.app.ctx, glass.Sources{Flow: func(context.Context, glass.Want) (glass.Batch, bool) { return glass.Batch{}, false }})
	defer v.Close()
	v.SetSize(120, 40)
	if got := ansi.Strip(v.View()); !strings.Contains(got, "reading the trace") || strings.Contains(got, "Nothing was written yet") {
		t.Errorf("it says\n%s", got)
	}
}

// TestGlassKeepsStill holds the cursor on its event, and the picture when it is paused.
func TestGlassKeepsStill(t *testing.T) {
	d := up(t, 120, 40)
	store := seenInside()
	more := 0
	withGlass(d)
	d.app.opts.Glass.Flow = func(ctx context.Context, want glass.Want) (glass.Batch, bool) {
		return glass.Read(ctx, store, want), want.After < store.Last()
	}
	d.press(":")
	d.write("glass")
	d.press("enter", "tab", "tab", "tab", "up", "up")
	line := func() string {
		for _, l := range strings.Split(d.screen(), "\n") {
			if strings.Contains(l, "need=38") {
				return l
			}
		}
		return ""
	}
	before := line()
	if before == "" {
		t.Fatal(d.screen())
	}
	say := func() {
		more++
		store.Add(trace.Event{Component: "kube-controller-manager", Verb: "say", Actor: "more", Detail: fmt.Sprintf("more %d", more), Time: moment().Add(time.Second)})
	}
	d.press(" ")
	d.sees("paused")
	say()
	d.seesNot("more 1")
	d.press(" ")
	if line() == "" {
		t.Errorf("the cursor lost its event:\n%s", d.screen())
	}
	d.press("end")
	d.sees("more 1")
	// A burst takes no more than what a pane holds.
	for range 5000 {
		say()
	}
	d.press(" ", " ")
	d.sees("more 5001", "5043 events")
}

func TestGlassOfAClusterOfOthers(t *testing.T) {
	d := up(t, 120, 40)
	d.command("glass")
	d.sees("started elsewhere")
}

// withEtcd lets a driver's cluster have a few keys, of which one is written once more.
func withEtcd(d *driver) *driver {
	value := func(n int) []byte { return fmt.Appendf(nil, `{"kind":"ConfigMap","data":{"k":"%d"}}`, n) }
	key := "/registry/configmaps/shop/prices"
	history := []stored.Entry{
		{Key: key, Created: 7, Revision: 31, Writes: 2, Size: 38, Value: value(2)}, {Key: key, Created: 7, Revision: 7, Writes: 1, Size: 38, Value: value(1)},
	}
	d.app.opts.Etcd.Keys = func(context.Context, string) ([]stored.Entry, bool, error) {
		return []stored.Entry{
			{Key: "compact_rev_key", Revision: 1},
			{Key: "/registry/configmaps/kube-system/root", Created: 3, Revision: 3, Writes: 1},
			history[0],
			{Key: "/registry/events/shop/web.18a", Created: 40, Revision: 40, Writes: 1, Lease: 0x7587},
			{Key: "/registry/masterleases/10.89.0.1", Created: 2, Revision: 50, Writes: 9, Lease: 0x7001},
		}, false, nil
	}
	d.app.opts.Etcd.History = func(ctx context.Context, key string, _ int) ([]stored.Entry, error) {
		if err := d.fake.gate.with(ctx, "etcd: History"); err != nil {
			return nil, err
		}
		if key != history[0].Key {
			return nil, errors.New("etcd has no key " + key)
		}
		return history, nil
	}
	return d
}

func TestEtcd(t *testing.T) {
	d := withEtcd(up(t, 120, 40))
	d.command("etcd")
	d.sees("etcd /registry/", "configmaps/", "events/", "5 keys")
	d.seesNot("prices")
	d.press("enter")
	d.sees("kube-system/", "shop/")
	d.press("down", "enter")
	d.sees("prices", "31")
	d.press("enter")
	d.sees("/registry/configmaps/shop/prices", "# revision 31, of 7; write 2; 38 bytes; no lease", "kind: ConfigMap", `k: "2"`)
	d.press("tab")
	d.sees("7b 22 6b 69")
	d.press("tab")
	d.sees("revision 7: # write 1", `.data.k: \"1\" -> \"2\"`)
	d.press("esc", "left", "left")
	d.sees("masterleases/")
	d.press("/")
	d.write("18a")
	d.press("enter")
	d.sees("events/shop/web.18a", "7587")
	d.press("esc", "esc")
	d.seesNot("masterleases/")
	d.command("etcd /registry/masterleases/")
	d.sees("10.89.0.1", "7001")
}

// TestEtcdWaitsForWrites tells of writes only, and ends with its context.
func TestEtcdWaitsForWrites(t *testing.T) {
	store := trace.NewStore()
	store.Add(trace.Event{Component: "kube-apiserver"})
	store.Add(trace.Event{Component: "etcd"})
	wait := etcd.Writes(store)
	if last, ok := wait(t.Context(), 0); !ok || last != 2 {
		t.Errorf("last %d, %v", last, ok)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := wait(ctx, 2); ok {
		t.Error("it does not end")
	}
}
