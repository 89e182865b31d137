package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/flowcontrol"

	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/lifecycle"
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
	idle := lifecycle.New(lifecycle.Spec{})
	plane := &controlplane.Plane{
		Etcd: &controlplane.Etcd{Lifecycle: idle}, APIServer: &controlplane.APIServer{Lifecycle: idle},
		ControllerManager: &controlplane.ControllerManager{Lifecycle: idle}, Scheduler: &controlplane.Scheduler{Lifecycle: idle},
	}
	c := &Cluster{
		tracker: newTracker(), memory: &memory.Governor{}, life: t.Context(),
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

// TestAnEndIsNotTakenForALaterStarts looks at the end of a component only when it runs again: on a busy
// machine who supervises it may come as late.
func TestAnEndIsNotTakenForALaterStarts(t *testing.T) {
	c, part, ctx := withSlowPart(t)
	former := part.Exited()
	if err := c.stopPart(context.WithoutCancel(ctx), part); err != nil {
		t.Fatal(err)
	}
	if err := c.run(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if err := c.judgeExit(part, former); err != nil || stateOf(c, part.Name()) != component.Ready {
		t.Errorf("a component that runs is %s: %v", stateOf(c, part.Name()), err)
	}
	// Its own end is told.
	part.cancel = func() {}
	if err := part.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if stateOf(c, part.Name()) == component.Failed {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("a component that ended is %s", stateOf(c, part.Name()))
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

// TestABusyComponentIsNotWaitedForLonger: who stops a component that still starts, and may do so
// for ever, waits as long as the context lasts, and nobody waits for it to stop another.
func TestABusyComponentIsNotWaitedForLonger(t *testing.T) {
	c, part, _ := withSlowPart(t)
	give, err := c.changing.take(t.Context(), part.Name())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- c.stopPart(ctx, part) }()
	select {
	case err := <-stopped:
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), part.Name()) {
			t.Errorf("the stop of a busy component: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a component is waited for longer than its context lasts")
	}
	for i := range 100 {
		another, err := c.changing.take(ctx, fmt.Sprint("another-", i))
		if err != nil {
			t.Fatal(err)
		}
		another()
	}
	give()
	// What is free is stopped, if only for others to see that it is to stop.
	if err := c.stopPart(ctx, part); !errors.Is(err, context.DeadlineExceeded) || stateOf(c, part.Name()) != component.Stopping {
		t.Errorf("the component is %s: %v", stateOf(c, part.Name()), err)
	}
}
