package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/cluster/inspect"
	"kubarium/cluster/process"
	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/etcd"
	"kubarium/ui/forward"
	"kubarium/ui/glass"
	"kubarium/ui/history"
	"kubarium/ui/panel"
	"kubarium/ui/watch"
)

// gate is what everything goes through that can take time. While it is shut nothing comes
// back: what has a context waits for its end, all else for the end of the test.
type gate struct {
	end chan struct{}

	mu   sync.Mutex
	shut bool
	// held are the names of what had to wait.
	held map[string]bool
}

func newGate() *gate { return &gate{end: make(chan struct{}), held: map[string]bool{}} }

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

func (g *gate) note(what string) (shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		g.held[what] = true
	}
	return g.shut
}

// with is for what has a context, without for what has none.
func (g *gate) with(ctx context.Context, what string) error {
	if g == nil || !g.note(what) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (g *gate) without(what string) {
	if g != nil && g.note(what) {
		<-g.end
	}
}

// RoundTrip is an API server that takes each request, and never answers.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.note("API server")
	if r.Context().Done() == nil {
		<-g.end // some of kubectl's own requests cannot be cancelled
		return nil, errors.New("the test has ended")
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// connected says that this API server is there.
func (g *gate) connected() (connectedMsg, error) {
	config := &rest.Config{Host: "http://never.test", Transport: g, QPS: -1}
	client, err := kubernetes.NewForConfig(config)
	return connectedMsg{config: config, client: client}, err
}

// gatedCluster is a cluster behind a gate, but for what it only has to look up in memory.
type gatedCluster struct {
	Cluster
	*gate
}

func (c gatedCluster) RESTConfig(ctx context.Context) (*rest.Config, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (c gatedCluster) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// act is a method that does something to a part of the cluster.
func (c gatedCluster) act(ctx context.Context, what, name string, do func(context.Context, string) error) error {
	if err := c.with(ctx, what); err != nil {
		return err
	}
	return do(ctx, name)
}

func (c gatedCluster) StopComponent(ctx context.Context, name string) error {
	return c.act(ctx, "StopComponent", name, c.Cluster.StopComponent)
}
func (c gatedCluster) StartComponent(ctx context.Context, name string) error {
	return c.act(ctx, "StartComponent", name, c.Cluster.StartComponent)
}
func (c gatedCluster) StopNode(ctx context.Context, name string) error {
	return c.act(ctx, "StopNode", name, c.Cluster.StopNode)
}
func (c gatedCluster) StartNode(ctx context.Context, name string) error {
	return c.act(ctx, "StartNode", name, c.Cluster.StartNode)
}
func (c gatedCluster) KillNode(ctx context.Context, name string) error {
	return c.act(ctx, "KillNode", name, c.Cluster.KillNode)
}

func (c gatedCluster) LogFile(name string) string {
	c.without("LogFile")
	return c.Cluster.LogFile(name)
}

func (c gatedCluster) Freeze(ctx context.Context) error {
	return c.act(ctx, "Freeze", "", func(ctx context.Context, _ string) error { return c.Cluster.(Freezer).Freeze(ctx) })
}
func (c gatedCluster) Thaw(ctx context.Context) error {
	return c.act(ctx, "Thaw", "", func(ctx context.Context, _ string) error { return c.Cluster.(Freezer).Thaw(ctx) })
}

func (c gatedCluster) Inside(ctx context.Context, kind, namespace, name string, show func(string)) error {
	if err := c.with(ctx, "Inside"); err != nil {
		return err
	}
	return c.Cluster.(Insider).Inside(ctx, kind, namespace, name, show)
}

func (c gatedCluster) SendPacket(ctx context.Context, namespace, from, to string, progress func(string)) (inspect.Path, error) {
	if err := c.with(ctx, "SendPacket"); err != nil {
		return inspect.Path{}, err
	}
	return c.Cluster.(Sender).SendPacket(ctx, namespace, from, to, progress)
}

// gatedRewinder is a Rewinder behind a gate.
type gatedRewinder struct{ *gate }

func (r gatedRewinder) LastChange() (string, time.Time, bool) {
	r.without("LastChange")
	return "kubectl delete", moment(), true
}
func (r gatedRewinder) Undo(ctx context.Context) (string, error) { return "", r.with(ctx, "Undo") }
func (r gatedRewinder) Redo(ctx context.Context) (string, error) { return "", r.with(ctx, "Redo") }
func (r gatedRewinder) Before(ctx context.Context, _ int64) ([]history.Moment, error) {
	return nil, r.with(ctx, "Before")
}
func (r gatedRewinder) Since(ctx context.Context, _ int64) (string, error) {
	return "", r.with(ctx, "Since")
}
func (r gatedRewinder) To(ctx context.Context, _ int64) (string, error) {
	return "", r.with(ctx, "To")
}

// gatedForwards are forwards behind a gate.
type gatedForwards struct{ *gate }

func (f gatedForwards) Start(forward.Spec) (forward.Info, error) {
	f.without("forward: Start")
	return forward.Info{}, nil
}
func (f gatedForwards) Again(int) error  { f.without("forward: Again"); return nil }
func (f gatedForwards) Stop(int) error   { f.without("forward: Stop"); return nil }
func (f gatedForwards) Remove(int) error { f.without("forward: Remove"); return nil }

// gatedControl is what lessons stop and start parts with.
type gatedControl struct{ *gate }

func (c gatedControl) Node(ctx context.Context, _, _ string) error {
	return c.with(ctx, "lesson: Node")
}
func (c gatedControl) Component(ctx context.Context, _, _ string) error {
	return c.with(ctx, "lesson: Component")
}
func (c gatedControl) Watch(ctx context.Context, _ func(component.Info)) error {
	return c.with(ctx, "lesson: Watch")
}

// kubectl makes processes behind the gate.
func (g *gate) kubectl(ctx context.Context, _ ...string) *exec.Cmd {
	_ = g.with(ctx, "Kubectl")
	return exec.CommandContext(ctx, "true")
}

// options have all that a cluster of ours gives the app, behind the gate.
func (g *gate) options(life context.Context) func(*Options) {
	return func(o *Options) {
		o.Cluster = gatedCluster{o.Cluster, g}
		o.Usage = func() (float64, float64) { g.without("Usage"); return 0, 0 }
		if inner := o.Kubectl; inner != nil {
			o.Kubectl = func(ctx context.Context, args ...string) *exec.Cmd {
				_ = g.with(ctx, "Kubectl")
				return inner(ctx, args...)
			}
		}
		if o.Shell == nil {
			o.Shell = func() (*exec.Cmd, error) {
				g.without("Shell")
				return exec.CommandContext(life, "true"), nil
			}
		}
		if o.Trace == nil {
			o.Trace, o.Rewind = seenInside(), gatedRewinder{g}
		}
		o.Processes = func(ctx context.Context, ids []string) (map[string][]process.Process, error) {
			return nil, g.with(ctx, "Processes")
		}
		o.Etcd = etcd.Source{
			Keys: func(ctx context.Context, prefix string) ([]stored.Entry, bool, error) {
				return []stored.Entry{{Key: prefix + "registry/pods/shop/web"}}, false, g.with(ctx, "etcd: Keys")
			},
			History: func(ctx context.Context, key string, _ int) ([]stored.Entry, error) {
				return []stored.Entry{{Key: key}}, g.with(ctx, "etcd: History")
			},
			Changed: func(ctx context.Context, after uint64) (uint64, bool) {
				return after + 1, g.with(ctx, "etcd: Changed") == nil && after == 0
			},
		}
		o.Glass = glass.Sources{
			Flow: func(ctx context.Context, want glass.Want) (glass.Batch, bool) {
				_ = g.with(ctx, "glass: Flow")
				return glass.Read(ctx, o.Trace, want), want.After == 0
			},
			Queues: func() ([]trace.WorkQueue, error) { g.without("glass: Queues"); return nil, nil },
			Pending: func() ([]trace.PendingPod, error) {
				g.without("glass: Pending")
				return nil, nil
			},
			Value: func(ctx context.Context, key string, _ int64) (stored.Entry, error) {
				return stored.Entry{Key: key}, g.with(ctx, "glass: Value")
			},
		}
	}
}

// forget forgets what had to wait so far.
func (g *gate) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.held)
}

// holds reports whether something had to wait.
func (g *gate) holds(what string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held[what]
}

// fromOutside are messages that come from outside of Update.
func fromOutside(d *driver) []any {
	full := watch.New(crowd(5, 60)...)
	return []any{
		componentsMsg(booting()), watch.SnapshotMsg{Snapshot: full}, watch.DownMsg{Err: io.EOF}, watch.UpMsg{}, watch.SnapshotMsg{Snapshot: &watch.Snapshot{}},
		watch.SnapshotMsg{Snapshot: d.app.ctx.Snapshot}, usageMsg{cpu: 1, mem: 1}, doneMsg{err: fmt.Errorf("deleting: %w", io.EOF)}, doneMsg{note: "done"},
		readyMsg{}, panel.BeganMsg{Namespace: "shop"}, panel.OpenMsg{Names: []string{"map", "events", "graphs", "glass", "etcd"}},
		panel.RunMsg{Command: "kubectl get pods"}, panel.RunMsg{Command: "kubectl get pods", Now: true}, panel.FocusMsg{}, panel.CommandRanMsg{Line: "kubectl get pods"},
	}
}
