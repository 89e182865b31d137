package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/logs"
)

// A component that ended by itself starts again after firstRestart, after twice that when it
// ends again, and so on up to slowestRestart: as the kubelet does it with the pods of a
// control plane, whose pauses are ten times as long.
const (
	firstRestart   = time.Second
	slowestRestart = 30 * time.Second
)

// stopLimit is how long a component may take to stop that is started again afterwards.
const stopLimit = 2 * time.Minute

// exiting is a component that can end by itself.
type exiting interface {
	component.Component
	Exited() <-chan struct{}
}

// run starts a component, waits until it is ready, and records both.
func (c *Cluster) run(ctx context.Context, part component.Component) error {
	if err := c.launch(ctx, part); err != nil {
		return err
	}
	return c.awaitReady(ctx, part)
}

// launch starts a component, also for somebody who does not wait for that any more.
func (c *Cluster) launch(ctx context.Context, part component.Component) error {
	give, err := c.changing.take(c.life, part.Name())
	if err != nil {
		return err
	}
	defer give()
	return c.launchLocked(ctx, part)
}

// launchLocked is launch for whose turn it is.
func (c *Cluster) launchLocked(ctx context.Context, part component.Component) error {
	c.tracker.set(part.Name(), component.Starting, "")
	var err error
	logs.As(ctx, part.Name(), func(ctx context.Context) { err = part.Start(ctx) })
	if err != nil {
		c.tracker.set(part.Name(), component.Failed, err.Error())
		return err
	}
	if e, can := part.(exiting); can {
		go c.superviseComponent(e, e.Exited())
	}
	return nil
}

// stopPart stops a component and records it.
func (c *Cluster) stopPart(ctx context.Context, part component.Component) error {
	give, err := c.changing.take(ctx, part.Name())
	if err != nil {
		return err
	}
	defer give()
	c.tracker.set(part.Name(), component.Stopping, "")
	if err := part.Stop(ctx); err != nil {
		return err
	}
	c.tracker.set(part.Name(), component.Stopped, "")
	return nil
}

// stopWhole is stopPart for who starts the component again: it does not end half way when
// nobody wants it any more, since a component that still stops is started by nobody.
func (c *Cluster) stopWhole(ctx context.Context, part component.Component) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return c.stopPart(ctx, part)
}

func (c *Cluster) awaitReady(ctx context.Context, part component.Component) error {
	err := part.Ready(ctx)
	switch {
	case err == nil:
		c.tracker.set(part.Name(), component.Ready, "")
	case ctx.Err() != nil:
		// Nobody waits any more. It runs all the same, and may be ready later.
		c.tracker.set(part.Name(), component.Starting, err.Error())
		go c.awaitReadyLater(part)
	case ended(part):
		// superviseComponent tells why, and what becomes of it.
	default:
		c.tracker.set(part.Name(), component.Failed, err.Error())
	}
	return err
}

// ended reports whether a component that can end by itself did.
func ended(part component.Component) bool {
	e, can := part.(exiting)
	return can && component.Ended(e.Exited())
}

// awaitReadyLater records when a component is ready after all, unless it ended before.
func (c *Cluster) awaitReadyLater(part component.Component) {
	if part.Ready(c.life) != nil {
		return
	}
	if info, _ := c.tracker.get(part.Name()); info.State == component.Starting {
		c.tracker.set(part.Name(), component.Ready, "")
	}
}

// superviseComponent tells when a component ended though nobody stopped it, and starts it
// again. exited is of the one start that it looks at.
func (c *Cluster) superviseComponent(part exiting, exited <-chan struct{}) {
	<-exited
	// Who crashed it wants to see what is without it.
	if err := c.judgeExit(part, exited); err != nil && !errors.Is(err, errCrashed) {
		c.startAgain(part, err)
	}
}

// judgeExit records that a component has ended, and returns why if nobody stopped it. It may
// come late: whoever stops a component, or starts it again right then, goes first.
func (c *Cluster) judgeExit(part exiting, exited <-chan struct{}) error {
	give, err := c.changing.take(c.life, part.Name())
	if err != nil {
		return nil // The cluster ends.
	}
	defer give()
	if part.Exited() != exited {
		return nil // It runs anew.
	}
	info, _ := c.tracker.get(part.Name())
	switch info.State {
	case component.Stopping: // Nobody waited so long.
		c.tracker.set(part.Name(), component.Stopped, "")
		return nil
	case component.Stopped, component.Frozen:
		return nil
	}
	err = errors.New("ended by itself")
	if failing, ok := part.(interface{ Err() error }); ok && failing.Err() != nil {
		err = failing.Err()
	}
	c.tracker.set(part.Name(), component.Failed, err.Error())
	return err
}

// startAgain starts a component that failed, until it starts, or somebody else starts or stops
// it.
func (c *Cluster) startAgain(part component.Component, err error) {
	for err != nil {
		if err := c.awaitRestart(part, err); err != nil {
			c.tell(c.life, "component does not start again", err)
			return
		}
		var failed bool
		if failed, err = c.relaunch(part); !failed {
			return
		}
	}
	c.tell(c.life, "component did not become ready", c.awaitReady(c.life, part))
}

// awaitRestart waits until a component that failed is to start again: etcd that had no room,
// when the disk has some, any other after a pause.
func (c *Cluster) awaitRestart(part component.Component, failure error) error {
	if etcd, is := part.(*controlplane.Etcd); is && errors.Is(failure, controlplane.ErrNoRoom) {
		return etcd.AwaitRoom(c.life)
	}
	name := part.Name()
	c.restarts.Next(name, c.restarts.Clock.Now())
	wait := c.restarts.Get(name)
	c.log.Error("component failed", "component", name, "again_in", wait, "error", failure)
	c.tracker.set(name, component.Failed, fmt.Sprintf("%v; it starts again in %s", failure, wait))
	select {
	case <-c.life.Done():
		return c.life.Err()
	case <-time.After(wait):
		return nil
	}
}

// relaunch starts a component that failed; not failed is one that somebody else started or
// stopped meanwhile.
func (c *Cluster) relaunch(part component.Component) (failed bool, err error) {
	if slices.Contains(c.heldWhileFrozen(), part) {
		// Going back to a former state, and freezing, want these not to begin meanwhile. Both
		// may wait for others that do.
		c.rewinding.Lock()
		defer c.rewinding.Unlock()
	}
	give, err := c.changing.take(c.life, part.Name())
	if err != nil {
		return false, nil // The cluster ends.
	}
	defer give()
	if info, _ := c.tracker.get(part.Name()); info.State != component.Failed || c.life.Err() != nil {
		return false, nil
	}
	if _, err := c.startable(part.Name()); err != nil {
		return true, err
	}
	defer c.memory.Starting()()
	return true, c.launchLocked(c.life, part)
}
