package play

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/cluster/component"
	"kubarium/cluster/inspect"
	"kubarium/cluster/process"
	"kubarium/cluster/trace"
	"kubarium/lessons"
)

const glassText = `---
id: glass
title: Glass
minutes: 5
---

Look.

## Look

Look at it.

` + "```yaml step" + `
id: look
checks:
  - name: node-1 was refused for a taint
    expr: scheduling("web").?nodes.orValue([]).exists(n, n.node == "node-1" && n.?plugin.orValue("") == "TaintToleration") && scheduling("web").?count.orValue(0) == 2
    saw: [{say: No.}]
solve: ["kubectl run web --image=x"]
` + "```" + `
`

// glassControl is a cluster that can be looked into.
type glassControl struct{ events chan trace.Event }

func (glassControl) Node(context.Context, string, string) error      { return nil }
func (glassControl) Component(context.Context, string, string) error { return nil }
func (glassControl) Watch(ctx context.Context, _ func(component.Info)) error {
	<-ctx.Done()
	return nil
}

func (glassControl) Processes(context.Context, []string) (map[string][]process.Process, error) {
	return nil, nil
}

func (glassControl) EtcdValue(_ context.Context, key string) ([]byte, error) {
	if key == "/registry/pods/default/web" {
		return []byte("k8s\x00\x0apod"), nil
	}
	return nil, errors.New("etcd has no key " + key)
}

func (glassControl) InspectService(ctx context.Context, namespace, name, node string, watch bool, f func(inspect.Service) error) error {
	if !watch || namespace != "default" || name != "web" || node != "node-2" {
		return errors.New("no such service")
	}
	chain := &inspect.Chain{Name: "service-X", Rules: []inspect.Rule{
		{Chains: []*inspect.Chain{{Rules: []inspect.Rule{{Endpoints: []inspect.Endpoint{{Address: "10.244.1.7:8080"}}}}}}},
		{Endpoints: []inspect.Endpoint{{Address: "10.244.1.7:8080"}, {Address: "10.244.2.9:8080"}}},
	}}
	if err := f(inspect.Service{Node: node, Doors: []inspect.Door{{Map: "service-ips", Match: "10.96.0.7", Verdict: "goto x", Chain: chain}}}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (g glassControl) Trace(ctx context.Context, _ uint64, _ bool, f func(trace.Event, uint64) error) error {
	for {
		select {
		case e := <-g.events:
			if err := f(e, 0); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestDecisionsOfTheSchedulerAreSeen(t *testing.T) {
	lesson, err := lessons.Parse("glass.md", []byte(glassText), nil)
	must(t, err)
	control := glassControl{events: make(chan trace.Event)}
	e := &exam{t: t, cluster: newFakeCluster(t)}
	e.player, err = New(lesson, Env{Client: e.cluster.client, Control: control})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	defer func() { cancel(); <-ended }()
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	e.cluster.watched(lesson)
	e.player.Next()
	must(t, e.cluster.create(t.Context(), pod("web", "x")))
	made, err := e.cluster.pods().Get(t.Context(), "web", metav1.GetOptions{})
	must(t, err)
	decide := func(uid types.UID, component string) {
		control.events <- trace.Event{
			Component: component, Verb: "refuse", Object: trace.Object{Namespace: "default", Name: "web", UID: string(uid)},
			Fields: map[string]string{"nodes": `[{"node":"node-1","fits":false,"plugin":"TaintToleration"}]`},
		}
	}
	decide("of-another-pod", "kube-scheduler")
	decide("of-another-pod", "kube-scheduler")
	decide(made.GetUID(), "kubelet")
	decide(made.GetUID(), "kube-scheduler")
	if s := e.until(func(s Snapshot) bool { return s.Step == 0 && s.Busy == "" }); s.StepDone {
		t.Error("one decision counts as two, or another pod's as this one's")
	}
	decide(made.GetUID(), "kube-scheduler")
	e.until(func(s Snapshot) bool { return s.StepDone })
}

func TestPacketRulesAreSeen(t *testing.T) {
	text := strings.Replace(glassText, `scheduling("web").?nodes.orValue([]).exists(n, n.node == "node-1" && n.?plugin.orValue("") == "TaintToleration") && scheduling("web").?count.orValue(0) == 2`,
		`rules("web", "node-2").endpoints == ["10.244.1.7:8080", "10.244.2.9:8080"] && rules("web", "node-2").doors.exists(d, d.match == "10.96.0.7")`, 1)
	lesson, err := lessons.Parse("glass.md", []byte(text), nil)
	must(t, err)
	e := &exam{t: t, cluster: newFakeCluster(t)}
	e.player, err = New(lesson, Env{Client: e.cluster.client, Control: glassControl{}})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	defer func() { cancel(); <-ended }()
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.StepDone })
}

func TestEtcdIsReadByteByByte(t *testing.T) {
	p := &Player{env: Env{Control: glassControl{}}}
	if got, err := p.lookEtcd(t.Context(), "/registry/pods/default/web"); err != nil || got.Output != "k8s..pod" {
		t.Errorf("%q, %v", got.Output, err)
	}
	if _, err := p.lookEtcd(t.Context(), "/registry/pods/default/gone"); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("a key that is not there gives %v", err)
	}
	if _, err := (&Player{}).lookEtcd(t.Context(), "x"); !errors.Is(err, errNoGlass) {
		t.Errorf("without glass: %v", err)
	}
}
