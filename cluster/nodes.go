package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/component"
	"kubarium/cluster/node"
)

// nodePurpose is what a node is for, in one sentence.
const nodePurpose = "a machine that runs pods: containerd, kubelet and kube-proxy"

// Nodes returns the names of all nodes, running or not.
func (c *Cluster) Nodes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.state.Nodes))
	for _, n := range c.state.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// AddNode adds a machine to the cluster and starts it. Unless disk is 0 it has a disk of its
// own, of so many bytes.
func (c *Cluster) AddNode(ctx context.Context, disk int64) (string, error) {
	if c.isFrozen() {
		return "", errFrozen
	}
	if disk != 0 && disk < MinDisk {
		return "", errSmallDisk(disk)
	}
	c.mu.Lock()
	if len(c.state.Nodes) >= MaxNodes || c.state.NextNode > MaxNodes {
		c.mu.Unlock()
		return "", fmt.Errorf("the nodes' subnet has no address left: a cluster has at most %d nodes in its life", MaxNodes)
	}
	n, err := newNodeState(c.state.NextNode)
	if err == nil {
		n.Disk = disk
		c.state.NextNode++
		c.state.Nodes = append(c.state.Nodes, n)
		err = c.state.write(c.layout.state())
	}
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	c.tracker.add(n.Name, nodePurpose)
	return n.Name, c.runNode(ctx, n)
}

// StartNode turns a node on that was stopped or killed.
func (c *Cluster) StartNode(ctx context.Context, name string) error {
	if c.isFrozen() {
		return errFrozen
	}
	n, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running != nil {
		select {
		case <-running.Done():
			c.awaitGone(name)
		default:
			return fmt.Errorf("%s runs already", name)
		}
	}
	if err := c.rememberStopped(name, false); err != nil {
		return err
	}
	return c.runNode(ctx, n)
}

// StopNode shuts a node down: its processes are asked to end.
func (c *Cluster) StopNode(ctx context.Context, name string) error {
	return c.endNode(name, true, func(n *node.Node) error { return n.Stop(ctx) })
}

// KillNode is a power cut: all of the node is gone in the same instant.
func (c *Cluster) KillNode(_ context.Context, name string) error {
	return c.endNode(name, true, func(n *node.Node) error { return n.Kill() })
}

// endNode turns a node off; a remembered one stays off at the next start.
func (c *Cluster) endNode(name string, remember bool, end func(*node.Node) error) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	switch {
	case c.isFrozen():
		return errFrozen
	case running == nil:
		return fmt.Errorf("%s is off already", name)
	}
	if remember {
		if err := c.rememberStopped(name, true); err != nil {
			return err
		}
	}
	c.tracker.set(name, component.Stopping, "")
	if err := end(running); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	c.awaitGone(name)
	return nil
}

// RemoveNode takes a node out of the cluster for good: machine, disk and Node object.
func (c *Cluster) RemoveNode(ctx context.Context, name string) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running != nil {
		if err := c.KillNode(ctx, name); err != nil {
			return err
		}
	}
	c.mu.Lock()
	kept := c.state.Nodes[:0:0]
	for _, n := range c.state.Nodes {
		if n.Name != name {
			kept = append(kept, n)
		}
	}
	c.state.Nodes = kept
	err = c.state.write(c.layout.state())
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.tracker.remove(name)
	if err := os.RemoveAll(c.layout.Node(name)); err != nil {
		return fmt.Errorf("remove disk of %s: %w", name, err)
	}
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return err
	}
	if err := client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node object: %w", err)
	}
	return c.giveBackNumber()
}

// giveBackNumber lets the next node have the number of the last one, if that is removed:
// nothing of it is left, and the subnet has only so many addresses.
func (c *Cluster) giveBackNumber() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := 0
	for _, n := range c.state.Nodes {
		last = max(last, n.Index)
	}
	if c.state.NextNode == last+1 {
		return nil
	}
	c.state.NextNode = last + 1
	return c.state.write(c.layout.state())
}

func (c *Cluster) findNode(name string) (nodeState, *node.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.state.Nodes {
		if n.Name == name {
			return n, c.nodes[name], nil
		}
	}
	names := make([]string, 0, len(c.state.Nodes))
	for _, n := range c.state.Nodes {
		names = append(names, n.Name)
	}
	return nodeState{}, nil, fmt.Errorf("there is no node %q; there are %s", name, strings.Join(names, ", "))
}

// rememberStopped keeps a node that was turned off, off at the next start.
func (c *Cluster) rememberStopped(name string, stopped bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.state.Nodes {
		if c.state.Nodes[i].Name == name {
			c.state.Nodes[i].Stopped = stopped
		}
	}
	return c.state.write(c.layout.state())
}
