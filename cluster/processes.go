package cluster

import (
	"context"

	"kubarium/cluster/node"
	"kubarium/cluster/process"
)

// Processes lists what runs in containers, by their IDs; those of which nothing runs on
// this cluster's nodes are left out.
func (c *Cluster) Processes(_ context.Context, ids []string) (map[string][]process.Process, error) {
	c.mu.Lock()
	machines := make([]*node.Node, 0, len(c.nodes))
	for _, n := range c.nodes {
		machines = append(machines, n)
	}
	c.mu.Unlock()
	var roots []string
	for _, n := range machines {
		root, err := n.Cgroup("memory")
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	return process.InContainers(roots, ids)
}
