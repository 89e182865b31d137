// Package loadbalancer stands for the cloud that gives services of type LoadBalancer
// an address. Upstream's service controller asks for balancers, keeps status, events
// and finalizers; what it asks is here: an address of the lab that leads to nodes, and
// a port of the host's loopback that leads to the address.
package loadbalancer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"kubarium/cluster/reconcile"
)

// Lab is what the cloud needs of the lab network.
type Lab interface {
	// DialVia dials an address through a node.
	DialVia(ctx context.Context, node netip.Addr, network, address string) (net.Conn, error)
	// SetAddress routes an address to nodes.
	SetAddress(address netip.Addr, nodes []netip.Addr) error
}

// CloudConfig says what the cloud has to give.
type CloudConfig struct {
	// Pool holds the addresses; the first and the last are not given away.
	Pool netip.Prefix
	// Host is the address on the host: a loopback one.
	Host netip.Addr
	Lab  Lab
	Log  *slog.Logger
}

// Cloud holds the load balancers. They work on while nobody manages them, as those of
// a cloud do.
type Cloud struct {
	config CloudConfig
	pool   *pool
	nodes  corelisters.NodeLister
	slices discoverylisters.EndpointSliceLister
	loop   *reconcile.Loop

	// ctx is the cloud's life.
	ctx context.Context

	mu        sync.Mutex
	balancers map[types.UID]*balancer
}

// NewCloud registers with the factory, which the caller starts afterwards. Load balancers
// end with the context.
func NewCloud(ctx context.Context, factory informers.SharedInformerFactory, config CloudConfig) (*Cloud, error) {
	nodes, slices := factory.Core().V1().Nodes(), factory.Discovery().V1().EndpointSlices()
	c := &Cloud{
		ctx: ctx, config: config, pool: newPool(config.Pool),
		nodes: nodes.Lister(), slices: slices.Lister(),
		balancers: map[types.UID]*balancer{},
	}
	c.loop = reconcile.NewLoop(c.route)
	for _, informer := range []cache.SharedIndexInformer{nodes.Informer(), slices.Informer()} {
		if err := c.loop.Watch(informer, changed); err != nil {
			return nil, fmt.Errorf("follow what load balancers lead to: %w", err)
		}
	}
	return c, nil
}

// Run keeps the load balancers' routes until the cloud ends, then takes all of them down.
func (c *Cloud) Run() {
	defer c.closeAll()
	c.loop.Run(c.ctx)
}

// changed leaves out the nodes' heartbeats.
func changed(before, after any) bool {
	a, aok := before.(*corev1.Node)
	b, bok := after.(*corev1.Node)
	return !aok || !bok || isReady(a) != isReady(b) || internalIP(a) != internalIP(b)
}

// route sends each address to the nodes that can take it now; it returns false when that
// is to be tried again.
func (c *Cloud) route(context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := true
	for _, b := range c.balancers {
		if err := c.routeOne(b); err != nil {
			c.config.Log.Error("route load balancer", "service", b.service, "err", err)
			done = false
		}
	}
	return done
}

func (c *Cloud) routeOne(b *balancer) error {
	spec := b.current()
	targets := c.targets(b.service, spec)
	if spec.sticky && len(targets) > 1 {
		targets = targets[:1]
	}
	return c.config.Lab.SetAddress(b.address, targets)
}

func (c *Cloud) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid, b := range c.balancers {
		b.close()
		delete(c.balancers, uid)
	}
}

// ensure makes the load balancer, or brings it in line; it returns the host's addresses.
func (c *Cloud) ensure(s *corev1.Service, nodes []*corev1.Node) (netip.Addr, []hostPort, error) {
	address, err := c.pool.assign(s.UID, s.Spec.LoadBalancerIP)
	if err != nil {
		return address, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ctx.Err(); err != nil {
		return address, nil, err
	}
	b := c.balancers[s.UID]
	if b != nil && b.address != address {
		c.drop(b)
		b = nil
	}
	if b == nil {
		b = &balancer{service: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}, uid: s.UID, address: address, ports: map[port]*listener{}}
		c.balancers[s.UID] = b
	}
	b.set(specOf(s, nodes))
	if err := c.routeOne(b); err != nil {
		return address, nil, err
	}
	return address, c.listenAll(b, s), nil
}

// update changes the nodes that a load balancer leads to.
func (c *Cloud) update(s *corev1.Service, nodes []*corev1.Node) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.balancers[s.UID]
	if b == nil {
		return nil
	}
	b.set(specOf(s, nodes))
	return c.routeOne(b)
}

// remove takes the load balancer down, and its address back.
func (c *Cloud) remove(uid types.UID) {
	c.mu.Lock()
	if b := c.balancers[uid]; b != nil {
		c.drop(b)
	}
	c.mu.Unlock()
	c.pool.release(uid)
}

// drop ends a balancer; c.mu is held.
func (c *Cloud) drop(b *balancer) {
	delete(c.balancers, b.uid)
	b.close()
	if err := c.config.Lab.SetAddress(b.address, nil); err != nil {
		c.config.Log.Error("take route of load balancer away", "service", b.service, "err", err)
	}
}
