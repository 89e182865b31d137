package cluster

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/keymutex"

	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/memory"
)

// slowPart is a component that takes a moment to stop, in which somebody cancels.
type slowPart struct {
	component.Component
	cancel  context.CancelFunc
	exited  chan struct{}
	started int
}

func (p *slowPart) Name() string                { return "slow" }
func (p *slowPart) Exited() <-chan struct{}     { return p.exited }
func (p *slowPart) Ready(context.Context) error { return nil }

func (p *slowPart) Start(context.Context) error {
	p.started++
	p.exited = make(chan struct{})
	return nil
}

func (p *slowPart) Stop(ctx context.Context) error {
	p.cancel()
	exited := p.exited
	time.AfterFunc(50*time.Millisecond, func() { close(exited) })
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withSlowPart is a cluster in which nothing runs but one component, and what is cancelled
// when that stops.
func withSlowPart(t *testing.T) (*Cluster, *slowPart, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	part := &slowPart{cancel: cancel}
	plane := &controlplane.Plane{Etcd: &controlplane.Etcd{}, APIServer: &controlplane.APIServer{}, ControllerManager: &controlplane.ControllerManager{}, Scheduler: &controlplane.Scheduler{}}
	c := &Cluster{
		tracker: newTracker(), memory: &memory.Governor{}, changing: keymutex.NewHashed(0), life: t.Context(),
		restarts: flowcontrol.NewBackOff(firstRestart, slowestRestart),
		log:      slog.New(slog.DiscardHandler),
		plane:    plane, extras: []component.Component{part},
	}
	c.tracker.add(part.Name(), "")
	if err := c.run(ctx, part); err != nil {
		t.Fatal(err)
	}
	return c, part, ctx
}

func stateOf(c *Cluster, name string) component.State {
	info, _ := c.tracker.get(name)
	return info.State
}

// TestACancelledRewindStartsWhatItStopped cancels while a component stops.
func TestACancelledRewindStartsWhatItStopped(t *testing.T) {
	c, part, ctx := withSlowPart(t)
	resume, err := c.rest(ctx, part.Name())
	if err != nil || ctx.Err() == nil || stateOf(c, part.Name()) != component.Stopped {
		t.Errorf("the component is %s: %v", stateOf(c, part.Name()), err)
	}
	if err := resume(ctx); err != nil || part.started != 2 || stateOf(c, part.Name()) != component.Ready {
		t.Errorf("the component was started %d times, and is %s: %v", part.started, stateOf(c, part.Name()), err)
	}
}

// TestACancelledFreezeKnowsWhatItHeld does so while the world is about to stand still.
func TestACancelledFreezeKnowsWhatItHeld(t *testing.T) {
	c, part, ctx := withSlowPart(t)
	f := &freezing{}
	if err := c.hold(ctx, f, c.extras); err != nil || ctx.Err() == nil {
		t.Error(err)
	}
	if !slices.Contains(f.held, component.Component(part)) || stateOf(c, part.Name()) != component.Frozen {
		t.Errorf("held %v, and the component is %s", f.held, stateOf(c, part.Name()))
	}
}

// TestACancelledStopIsToldLater: who cancels a stop finds the component stopped all the same.
func TestACancelledStopIsToldLater(t *testing.T) {
	c, part, ctx := withSlowPart(t)
	if err := c.stopPart(ctx, part); err == nil {
		t.Fatal("nobody cancelled")
	}
	for range 100 {
		if stateOf(c, part.Name()) == component.Stopped {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the component is %s", stateOf(c, part.Name()))
}
