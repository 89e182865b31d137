package cluster

import (
	"context"
	"fmt"
	"net/netip"

	"k8s.io/client-go/informers"

	"kubarium/cluster/addons"
	"kubarium/cluster/loadbalancer"
)

// newCloud makes what gives services of type LoadBalancer an address, before the
// factory starts.
func (c *Cluster) newCloud(ctx context.Context, factory informers.SharedInformerFactory) error {
	if !c.options.has(addons.LoadBalancer) {
		return nil
	}
	var err error
	c.cloud, err = loadbalancer.NewCloud(ctx, factory, loadbalancer.CloudConfig{
		Pool: c.network.Config().LoadBalancerCIDR, Host: netip.MustParseAddr("127.0.0.1"),
		Lab: c.network, Log: c.logs.Logger(loadbalancer.Name),
	})
	if err != nil {
		return fmt.Errorf("make load balancers: %w", err)
	}
	client, err := c.clientAs(loadbalancer.User)
	if err != nil {
		return err
	}
	manager := loadbalancer.NewManager(client, c.cloud)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.cloud.Run()
	}()
	c.onStop(func(context.Context) error { c.background(); <-ended; return nil })
	c.addExtra(manager)
	c.onStop(manager.Stop)
	return nil
}
