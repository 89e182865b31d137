package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/component"
	"kubarium/cluster/node"
)

const (
	// freezeLimit is how long the kernel may take to stop all processes of a node.
	freezeLimit = 20 * time.Second
	// thawLimit is how long a kubelet that was thawed may take to tell that it lives.
	thawLimit = time.Minute
	// freshLease is the age of a node's lease that controllers think nothing of: they
	// wait for 50 s.
	freshLease = 15 * time.Second
	// longFreeze is what a kubelet notices: it looks for its runtime's last answer, finds
	// it too old, and may call itself not ready until it has asked again.
	longFreeze = 20 * time.Second
	// settledAfter is how long a node is to have been Ready after that.
	settledAfter = 2 * time.Second
)

// errFrozen is why nothing is turned on or off.
var errFrozen = errors.New("the world is frozen: thaw it first, with z in the app or: kubarium thaw")

// freezing is what stands still, and since when.
type freezing struct {
	since time.Time
	// nodes are those that were stopped, with how they fared; held are the components.
	nodes map[string]component.Info
	held  []component.Component
}

// Freeze stops the world: all processes of all nodes stand still, and so do those who
// would think the nodes dead. What can be read, can be read on.
func (c *Cluster) Freeze(ctx context.Context) error {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	switch {
	case c.isFrozen():
		return errors.New("the world is frozen already")
	case !c.isReady():
		return errors.New("the cluster is still starting: freeze it when its nodes are Ready")
	}
	f := &freezing{since: time.Now(), nodes: map[string]component.Info{}}
	c.mu.Lock()
	c.frozen = f
	c.mu.Unlock()
	err := c.hold(ctx, f, c.heldWhileFrozen())
	if err == nil {
		err = c.freezeNodes(ctx, f)
	}
	if err != nil {
		return errors.Join(err, c.thaw(context.WithoutCancel(ctx), f))
	}
	return nil
}

// Thaw lets the world go on, as if nothing had been: controllers look at the nodes only
// when these have told that they live.
func (c *Cluster) Thaw(ctx context.Context) error {
	c.rewinding.Lock()
	defer c.rewinding.Unlock()
	c.mu.Lock()
	f := c.frozen
	c.mu.Unlock()
	if f == nil {
		return errors.New("the world is not frozen")
	}
	return c.thaw(ctx, f)
}

func (c *Cluster) isFrozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen != nil
}

func (c *Cluster) isReady() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// heldWhileFrozen are the components that would act on nodes that do not answer.
func (c *Cluster) heldWhileFrozen() []component.Component {
	return []component.Component{c.plane.Scheduler, c.plane.ControllerManager}
}

// hold stops the components that must not look, if they run.
func (c *Cluster) hold(ctx context.Context, f *freezing, parts []component.Component) error {
	for _, part := range parts {
		if info, _ := c.tracker.get(part.Name()); info.State == component.Stopped || info.State == component.Failed {
			continue
		}
		// Even one that does not stop in time is started again.
		f.held = append(f.held, part)
		if err := c.stopWhole(ctx, part); err != nil {
			return fmt.Errorf("hold %s: %w", part.Name(), err)
		}
		c.tracker.set(part.Name(), component.Frozen, "held while the nodes stand still")
	}
	return nil
}

func (c *Cluster) freezeNodes(ctx context.Context, f *freezing) error {
	ctx, cancel := context.WithTimeout(ctx, freezeLimit)
	defer cancel()
	var group errgroup.Group
	for name, n := range c.machines() {
		f.nodes[name], _ = c.tracker.get(name)
		group.Go(func() error {
			if err := n.Freeze(ctx); err != nil {
				return err
			}
			c.tracker.set(name, component.Frozen, "")
			return nil
		})
	}
	return group.Wait()
}

// machines are the nodes that run.
func (c *Cluster) machines() map[string]*node.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]*node.Node, len(c.nodes))
	for name, n := range c.nodes {
		all[name] = n
	}
	return all
}

// thaw lets nodes go on, waits for them, and starts what was held. Whatever fails, the
// rest is thawed.
func (c *Cluster) thaw(ctx context.Context, f *freezing) error {
	thawed := time.Now()
	machines := c.machines()
	var errs []error
	for name := range f.nodes {
		if n := machines[name]; n != nil {
			errs = append(errs, n.Thaw())
		}
	}
	errs = append(errs, c.awaitThawed(ctx, f, thawed))
	c.mu.Lock()
	c.frozen = nil
	c.mu.Unlock()
	for name, before := range f.nodes {
		if info, _ := c.tracker.get(name); info.State == component.Frozen {
			c.tracker.set(name, before.State, before.Message)
		}
	}
	for _, part := range slices.Backward(f.held) {
		errs = append(errs, c.run(ctx, part))
	}
	return errors.Join(errs...)
}

// awaitThawed waits until all nodes that were Ready tell that they are.
func (c *Cluster) awaitThawed(ctx context.Context, f *freezing, thawed time.Time) error {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, thawLimit)
	defer cancel()
	settled := time.Duration(0)
	if thawed.Sub(f.since) > longFreeze {
		settled = settledAfter
	}
	var group errgroup.Group
	for name, before := range f.nodes {
		if before.State != component.Ready {
			continue
		}
		group.Go(func() error {
			if err := awaitLease(ctx, client, name, thawed.Add(-freshLease)); err != nil {
				return fmt.Errorf("wait until %s tells that it lives: %w", name, err)
			}
			if err := awaitNodeReady(ctx, client, name, settled); err != nil {
				return fmt.Errorf("wait until %s is Ready again: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// errWatchEnded is why a watch is begun anew.
var errWatchEnded = errors.New("the watch has ended")

// awaitLease waits until the kubelet has renewed its lease since then.
func awaitLease(ctx context.Context, client kubernetes.Interface, name string, since time.Time) error {
	return again(ctx, func() error {
		lease, err := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Watch(ctx, one(name))
		if err != nil {
			return err
		}
		defer lease.Stop()
		for event := range lease.ResultChan() {
			if renewed := renewTime(event.Object); renewed.After(since) {
				return nil
			}
		}
		return errWatchEnded
	})
}

// awaitNodeReady waits until the node has been Ready for some time.
func awaitNodeReady(ctx context.Context, client kubernetes.Interface, name string, settled time.Duration) error {
	return again(ctx, func() error {
		changes, err := client.CoreV1().Nodes().Watch(ctx, one(name))
		if err != nil {
			return err
		}
		defer changes.Stop()
		return readyFor(ctx, changes, settled)
	})
}

func readyFor(ctx context.Context, changes watch.Interface, settled time.Duration) error {
	var calm <-chan time.Time
	for {
		select {
		case event, ok := <-changes.ResultChan():
			if !ok {
				return errWatchEnded
			}
			n, isNode := event.Object.(*corev1.Node)
			switch ready := isNode && nodeIsReady(n); {
			case !ready:
				calm = nil
			case calm == nil:
				calm = time.After(settled)
			}
		case <-calm:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// again begins anew what the API server ended, until it is done or ctx ends.
func again(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func one(name string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()}
}

func renewTime(object runtime.Object) time.Time {
	if lease, ok := object.(*coordinationv1.Lease); ok && lease.Spec.RenewTime != nil {
		return lease.Spec.RenewTime.Time
	}
	return time.Time{}
}

func nodeIsReady(n *corev1.Node) bool {
	for _, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
