package cluster

import (
	"context"
	"errors"
	"fmt"

	"kubarium/assets"
	"kubarium/cluster/component"
	"kubarium/cluster/node"

	"golang.org/x/sync/errgroup"
)

// bootNode starts a node's process and its container runtime. The kubelet is held
// until the API server serves.
func (c *Cluster) bootNode(ctx context.Context, n nodeState) error {
	c.tracker.set(n.Name, component.Starting, "")
	if err := checkInotify(1); err != nil {
		return c.nodeFailed(n.Name, err)
	}
	// It runs as root on this machine; the other helpers run in nodes only.
	if err := assets.UnpackOne(c.layout.Bin(), node.InitProgram); err != nil {
		return c.nodeFailed(n.Name, err)
	}
	spec, err := c.nodeSpec(n)
	if err != nil {
		return c.nodeFailed(n.Name, err)
	}
	running, err := node.Start(ctx, spec, func(pid int) error { return c.network.AttachNode(pid, n.Name, spec.IP) })
	if err != nil {
		return c.nodeFailed(n.Name, err)
	}
	gone := make(chan struct{})
	c.mu.Lock()
	c.nodes[n.Name], c.gone[n.Name] = running, gone
	c.mu.Unlock()
	c.keepIdentities(n, running)
	go func() {
		defer close(gone)
		c.superviseNode(n.Name, running)
	}()
	if spec.Tap {
		go c.followNode(n.Name, running)
	}
	return nil
}

func (c *Cluster) nodeFailed(name string, err error) error {
	c.tracker.set(name, component.Failed, err.Error())
	return fmt.Errorf("start %s: %w", name, err)
}

// superviseNode waits for a node's end, takes its cable out, and tells of it. Only then
// is the node forgotten: whoever starts it anew finds nothing of the old one.
func (c *Cluster) superviseNode(name string, running *node.Node) {
	<-running.Done()
	c.pki.Forget(name)
	if err := c.network.DetachNode(name); err != nil {
		c.log.Error("detach node", "node", name, "error", err)
	}
	if info, _ := c.tracker.get(name); info.State == component.Stopping {
		c.tracker.set(name, component.Stopped, "")
	} else {
		c.tracker.set(name, component.Failed, "the machine went off; start it again with: kubarium node start "+name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.nodes, name)
	delete(c.gone, name)
}

// awaitGone waits until nothing of a node that has ended, or is about to, is left.
func (c *Cluster) awaitGone(name string) {
	c.mu.Lock()
	gone := c.gone[name]
	c.mu.Unlock()
	if gone != nil {
		<-gone
	}
}

func (c *Cluster) runNode(ctx context.Context, n nodeState) error {
	if err := c.bootNode(ctx, n); err != nil {
		return err
	}
	return c.startKubelet(ctx, n.Name)
}

func (c *Cluster) startKubelet(ctx context.Context, name string) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running == nil {
		return fmt.Errorf("%s is off", name)
	}
	if err := running.StartKubelet(ctx); err != nil {
		return c.nodeFailed(name, err)
	}
	return nil
}

// startNodes boots all nodes side by side, and starts their kubelets when the API
// server serves.
func (c *Cluster) startNodes(ctx context.Context) error {
	if err := assets.Unpack(ctx, c.layout.Bin()); err != nil {
		return fmt.Errorf("unpack helper programs: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.serveImages(groupCtx) })
	for _, n := range c.state.Nodes {
		if n.Stopped {
			continue
		}
		group.Go(func() error {
			if err := c.bootNode(groupCtx, n); err != nil {
				return err
			}
			if err := c.awaitServing(groupCtx); err != nil {
				return err
			}
			return c.startKubelet(groupCtx, n.Name)
		})
	}
	return group.Wait()
}

// stopNodes turns all nodes off at once.
func (c *Cluster) stopNodes(ctx context.Context) error {
	c.mu.Lock()
	running := make(map[string]*node.Node, len(c.nodes))
	for name, n := range c.nodes {
		running[name] = n
	}
	c.mu.Unlock()
	results := make(chan error, len(running))
	for name, n := range running {
		c.tracker.set(name, component.Stopping, "")
		go func() {
			err := n.Stop(ctx)
			if err != nil {
				err = errors.Join(fmt.Errorf("stop %s: %w", name, err), n.Kill())
			}
			c.awaitGone(name)
			results <- err
		}()
	}
	var errs []error
	for range running {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}
