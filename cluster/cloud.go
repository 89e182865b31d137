package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

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
		Lab: c.network, Log: c.logTo(loadbalancer.Name),
	})
	if err != nil {
		return fmt.Errorf("make load balancers: %w", err)
	}
	pair, err := c.pki.Client(loadbalancer.User)
	if err != nil {
		return err
	}
	config := rest.CopyConfig(c.restConfig)
	config.CertData, config.KeyData = pair.Cert, pair.Key
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client of %s: %w", loadbalancer.Name, err)
	}
	manager := loadbalancer.NewManager(client, c.cloud)
	c.mu.Lock()
	c.extras = append(c.extras, manager)
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.cloud.Run()
	}()
	c.onStop(func(context.Context) error { c.background(); <-ended; return nil })
	c.onStop(manager.Stop)
	return nil
}

// newExtras makes the components beside the control plane's, before the factory starts.
func (c *Cluster) newExtras(ctx context.Context, factory informers.SharedInformerFactory) error {
	if c.options.has(addons.NetworkPolicy) {
		c.mu.Lock()
		c.extras = append(c.extras, policyEnforcers{c})
		c.mu.Unlock()
	}
	return c.newCloud(ctx, factory)
}

// startExtras starts the components beside the control plane's. The add-ons are
// applied, and with them what these may do.
func (c *Cluster) startExtras(ctx context.Context) {
	for _, part := range c.extras {
		if ctx.Err() != nil {
			return
		}
		starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
		if err := c.run(starting, part); err != nil && ctx.Err() == nil {
			c.log.Error("component did not become ready", "component", part.Name(), "error", err)
		}
		cancel()
	}
}
