package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"kubarium/cluster/logs"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
)

// Start brings the cluster up and returns once its API server serves and its nodes'
// kubelets run; Ready waits for the rest. On an error Start ends what it began.
func (c *Cluster) Start(ctx context.Context) error {
	err := c.start(ctx)
	if err == nil {
		return nil
	}
	c.failure = err
	close(c.failed)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, c.Stop(stopping))
}

func (c *Cluster) start(ctx context.Context) error {
	c.started = time.Now()
	c.settled = c.memory.Starting()
	c.onStop(func(context.Context) error { c.memory.Close(); return nil })
	if err := c.prepare(); err != nil {
		return err
	}
	c.life, c.background = context.WithCancel(context.WithoutCancel(ctx))
	egressConfig, err := c.openNetwork(ctx)
	if err != nil {
		return err
	}
	if c.plane, err = c.newPlane(egressConfig); err != nil {
		return err
	}
	c.describe()
	go c.watchRoom(c.life)
	if err := c.serveControl(); err != nil {
		return err
	}
	c.onStop(c.stopPlane)
	// Nodes end before the control plane does: it still has work to do for them.
	c.onStop(c.stopNodes)
	c.onStop(c.faults.Close)
	c.onStop(c.releaseAll)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startPlane(groupCtx) })
	group.Go(func() error { return c.startNodes(groupCtx) })
	group.Go(func() error {
		if err := c.awaitServing(groupCtx); err != nil {
			return err
		}
		return c.follow(c.life)
	})
	return group.Wait()
}

func (c *Cluster) awaitServing(ctx context.Context) error {
	select {
	case <-c.serving:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare makes the directories, takes the lock, and reads or makes what lasts.
func (c *Cluster) prepare() error {
	if err := c.layout.Make(); err != nil {
		return err
	}
	var err error
	if c.lock, err = takeLock(c.layout.lock()); err != nil {
		if errors.Is(err, ErrRunning) {
			return fmt.Errorf("%w: cluster %q in %s; choose another --name, or end it with: kubarium down --name %s", err, c.options.Name, c.options.DataDir, c.options.Name)
		}
		return err
	}
	c.onStop(func(context.Context) error { return c.lock.Close() })
	c.logs = logs.In(c.layout.Logs())
	c.onStop(func(context.Context) error { return c.logs.Close() })
	c.log = c.logs.Logger(logs.Program)
	// What a killed run left behind ends here, at the latest.
	cgroup := c.layout.cgroup()
	if err := node.Sweep(cgroup); err != nil {
		return fmt.Errorf("clear up after the last run: %w", err)
	}
	c.onStop(func(context.Context) error { return node.Sweep(cgroup) })
	if err := errors.Join(node.CheckCapabilities(), checkDisk(c.layout.Root), checkTasks()); err != nil {
		return err
	}
	if c.state, err = c.loadState(); err != nil {
		return err
	}
	if err := errors.Join(checkInotify(len(c.running())), checkMemory(len(c.running()))); err != nil {
		return err
	}
	if err := c.openPKI(); err != nil {
		return err
	}
	if err := c.noteKubernetes(); err != nil {
		return err
	}
	return c.encryptFromStart()
}

func (c *Cluster) loadState() (state, error) {
	s, err := readState(c.layout.state())
	if errors.Is(err, errNoState) {
		s = state{Version: stateVersion, Kubernetes: ownKubernetes, NextNode: 1}
		for range c.options.Nodes {
			n, err := newNodeState(s.NextNode)
			if err != nil {
				return s, err
			}
			n.Disk = c.options.NodeDisk
			s.Nodes = append(s.Nodes, n)
			s.NextNode++
		}
		if s.Network, err = chooseNetwork(); err != nil {
			return s, err
		}
		if s.EtcdPeers, err = pickPeerPorts(c.options.EtcdMembers); err != nil {
			return s, err
		}
	} else if err != nil {
		return s, err
	}
	had := s.Port
	if s.Port, err = pickPort(had); err != nil {
		return s, err
	}
	c.portNote = portNote(had, s.Port, c.layout.Kubeconfig())
	return s, s.write(c.layout.state())
}

// openNetwork makes the cluster's network and the proxy by which the API server
// dials into it.
func (c *Cluster) openNetwork(ctx context.Context) (string, error) {
	config := c.state.ranges().Config()
	config.Log = c.log
	for _, note := range c.Notes() {
		c.log.Warn(note)
	}
	lab, err := network.Open(ctx, config)
	if err != nil {
		return "", fmt.Errorf("make the cluster's network: %w", err)
	}
	c.network = lab
	c.onStop(func(context.Context) error { return lab.Close() })
	if err := lab.Egress(); err != nil {
		c.log.Warn("the cluster has no way out: images come from the bundled registry only", "error", err)
	}
	connect, err := lab.ServeConnect(context.WithoutCancel(ctx), c.layout.egressSocket())
	if err != nil {
		return "", fmt.Errorf("serve the API server's way into the network: %w", err)
	}
	c.connect = connect
	c.onStop(func(context.Context) error { return connect.Close() })
	path := c.layout.egressSocket() + ".yaml"
	if err := os.WriteFile(path, network.EgressConfig(c.layout.egressSocket()), 0o600); err != nil {
		return "", fmt.Errorf("write egress configuration: %w", err)
	}
	return path, nil
}

func (c *Cluster) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, n := range c.state.Nodes {
		if !n.Stopped {
			names = append(names, n.Name)
		}
	}
	return names
}
