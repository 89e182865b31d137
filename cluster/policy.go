package cluster

import (
	"context"
	"errors"
	"fmt"

	"kubarium/cluster/component"
	"kubarium/cluster/node"
)

// policyEnforcers are the parts of all nodes that enforce NetworkPolicies, as one
// component. A node starts its own with its kubelet.
type policyEnforcers struct{ cluster *Cluster }

var _ component.Component = policyEnforcers{}

// Name is the role's name.
func (p policyEnforcers) Name() string { return node.RoleNetworkPolicy }

// Start starts the role on each node on which it does not run.
func (p policyEnforcers) Start(ctx context.Context) error {
	return p.each(func(n *node.Node) error { return n.StartRole(ctx, node.RoleNetworkPolicy) })
}

// Ready returns at once: the role runs on each node when Start returns.
func (p policyEnforcers) Ready(ctx context.Context) error { return p.Health(ctx) }

// Stop stops the role on each node; rules that there are stay.
func (p policyEnforcers) Stop(ctx context.Context) error {
	return p.each(func(n *node.Node) error { return n.StopRole(ctx, node.RoleNetworkPolicy) })
}

// Health tells on which nodes the role does not run.
func (p policyEnforcers) Health(context.Context) error {
	return p.each(func(n *node.Node) error {
		if n.Roles()[node.RoleNetworkPolicy] == 0 {
			return errors.New("does not run")
		}
		return nil
	})
}

func (p policyEnforcers) each(f func(*node.Node) error) error {
	p.cluster.mu.Lock()
	running := make(map[string]*node.Node, len(p.cluster.nodes))
	for name, n := range p.cluster.nodes {
		running[name] = n
	}
	p.cluster.mu.Unlock()
	var errs []error
	for name, n := range running {
		if err := f(n); err != nil {
			errs = append(errs, fmt.Errorf("%s on %s: %w", node.RoleNetworkPolicy, name, err))
		}
	}
	return errors.Join(errs...)
}
