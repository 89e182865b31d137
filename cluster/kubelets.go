package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"kubarium/cluster/node"
	"kubarium/cluster/node/tap"
	"kubarium/cluster/trace"
)

// tapRetry is how soon a node's tap is called again that does not listen yet.
const tapRetry = 50 * time.Millisecond

// followNode copies what a node's kubelet does, and what kube-proxy makes of packets, into the
// trace, until the node ends. The kubelet's tap ends with the agent, and is back when that is.
func (c *Cluster) followNode(name string, running *node.Node) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-running.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	go c.followRules(ctx, name, running)
	client := tap.NewClient(running.Socket(node.TapSocket))
	for ctx.Err() == nil {
		if err := running.AwaitRole(ctx, node.RoleContainerd); err != nil {
			return
		}
		err := client.Follow(ctx, func(e trace.Event, lost uint64) {
			if lost > 0 {
				// What is lost is said, not hidden.
				c.trace.Add(trace.Event{Time: e.Time, Component: tap.Component, Verb: "lost", Detail: fmt.Sprintf("%d events of %s", lost, name)})
			}
			c.trace.Add(e)
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			c.log.Error("follow kubelet", "node", name, "error", err)
		}
		select {
		case <-time.After(tapRetry):
		case <-ctx.Done():
		}
	}
}
