package cluster

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/network"
)

func (c *Cluster) newPlane(egressConfig string) (*controlplane.Plane, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Port))
	net := c.network.Config()
	config := controlplane.Config{
		Dir: c.layout.Root, Logs: c.logs, PKI: c.pki,
		Listen:           c.listenAPI,
		Server:           "https://" + address,
		AdvertiseAddress: net.Router,
		EgressConfig:     egressConfig,
		HangUp:           c.connect.HangUp,
		ServiceCIDR:      net.ServiceCIDR, PodCIDR: net.PodCIDR,
		ClusterName:   c.options.Name,
		EtcdPeers:     c.state.EtcdPeers,
		UnsafeNoFsync: c.options.UnsafeNoFsync,
		Hold:          c.holds,
		Fast:          c.fast.Load,
	}
	if !c.options.NoTrace {
		config.Trace = c.trace
	}
	if err := c.logs.TakeGlobal(); err != nil {
		return nil, err
	}
	if err := c.openAccess(config.Server); err != nil {
		return nil, err
	}
	return controlplane.New(config)
}

// listenAPI listens on the host's loopback and in the cluster's network, on the same
// port: the API server publishes but one.
func (c *Cluster) listenAPI() (net.Listener, error) {
	port := strconv.Itoa(c.state.Port)
	host, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	inside, err := c.network.Listen(context.Background(), "tcp4", net.JoinHostPort(c.network.Config().Router.String(), port))
	if err != nil {
		host.Close()
		return nil, err
	}
	return network.MergeListeners(host, inside), nil
}

// describe makes all components and nodes known before any of them starts.
func (c *Cluster) describe() {
	for _, part := range c.plane.Components() {
		c.tracker.add(part.Name(), purposes[part.Name()])
	}
	for _, a := range addonList {
		if c.options.has(a.name) {
			c.tracker.add(a.part, purposes[a.part])
		}
	}
	for _, n := range c.state.Nodes {
		c.tracker.add(n.Name, nodePurpose)
	}
}

// startPlane starts etcd, the API server, and as soon as that serves, the rest.
func (c *Cluster) startPlane(ctx context.Context) error {
	if err := c.run(ctx, c.plane.Etcd); err != nil {
		return err
	}
	if err := c.plane.Seed(ctx); err != nil {
		return err
	}
	if err := c.launch(ctx, c.plane.APIServer); err != nil {
		return err
	}
	if err := c.plane.APIServer.Serving(ctx); err != nil {
		return c.componentFailed(c.plane.APIServer, err)
	}
	close(c.serving)
	for _, part := range []component.Component{c.plane.ControllerManager, c.plane.Scheduler} {
		if err := c.launch(ctx, part); err != nil {
			return err
		}
	}
	// These are ready later, and nothing waits for it.
	later := context.WithoutCancel(ctx)
	for _, part := range c.plane.Components()[1:] {
		go func() {
			waiting, cancel := context.WithTimeout(later, 2*time.Minute)
			defer cancel()
			if err := c.awaitReady(waiting, part); err != nil {
				c.log.Error("component did not become ready", "component", part.Name(), "error", err)
			}
		}()
	}
	return nil
}

func (c *Cluster) componentFailed(part component.Component, err error) error {
	c.tracker.set(part.Name(), component.Failed, err.Error())
	return err
}

func (c *Cluster) stopPlane(ctx context.Context) error {
	// Clients end before the API server, which otherwise waits for their watches.
	parts := c.plane.Components()
	var errs []error
	for i := len(parts) - 1; i >= 0; i-- {
		errs = append(errs, c.stopPart(ctx, parts[i]))
	}
	return errors.Join(errs...)
}
