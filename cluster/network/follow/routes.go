// Package follow keeps the lab network in line with the cluster's objects:
// routes with its nodes, ports of the host with its services. It learns of them
// by watching, and does nothing while they stay as they are.
package follow

import (
	"context"
	"log/slog"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"

	"kubarium/cluster/reconcile"
)

// Router is what Routes keeps in line.
type Router interface {
	SetRoute(podCIDR netip.Prefix, via netip.Addr) error
	DeleteRoute(podCIDR netip.Prefix) error
	Routes() (map[netip.Prefix]netip.Addr, error)
}

// Routes gives each node's pod range a route to the node, as the route
// controller of a cloud does.
type Routes struct {
	router Router
	log    *slog.Logger
	nodes  listers.NodeLister
	loop   *reconcile.Loop
}

// NewRoutes registers with the factory, which the caller starts afterwards.
func NewRoutes(factory informers.SharedInformerFactory, router Router, log *slog.Logger) (*Routes, error) {
	nodes := factory.Core().V1().Nodes()
	r := &Routes{router: router, log: log, nodes: nodes.Lister()}
	r.loop = reconcile.NewLoop(func(context.Context) bool { return r.reconcile() })
	return r, r.loop.Watch(nodes.Informer(), routeChanged)
}

// Run keeps the routes until ctx ends. They stay then: pods go on talking while
// the control plane is away.
func (r *Routes) Run(ctx context.Context) { r.loop.Run(ctx) }

func routeChanged(before, after any) bool {
	a, aok := before.(*corev1.Node)
	b, bok := after.(*corev1.Node)
	if !aok || !bok {
		return true
	}
	aRange, _ := podRange(a)
	bRange, _ := podRange(b)
	aIP, _ := internalIP(a)
	bIP, _ := internalIP(b)
	return aRange != bRange || aIP != bIP
}

func (r *Routes) reconcile() bool {
	nodes, err := r.nodes.List(labels.Everything())
	if err != nil {
		r.log.Error("list nodes", "err", err)
		return false
	}
	want := map[netip.Prefix]netip.Addr{}
	for _, node := range nodes {
		pods, hasPods := podRange(node)
		ip, hasIP := internalIP(node)
		if hasPods && hasIP {
			want[pods] = ip
		}
	}
	have, err := r.router.Routes()
	if err != nil {
		r.log.Error("keep routes", "err", err)
		return false
	}
	return r.change(have, want)
}

func (r *Routes) change(have, want map[netip.Prefix]netip.Addr) bool {
	done := true
	for pods := range have {
		if _, ok := want[pods]; ok {
			continue
		}
		if err := r.router.DeleteRoute(pods); err != nil {
			r.log.Error("keep routes", "err", err)
			done = false
		}
	}
	for pods, ip := range want {
		if have[pods] == ip {
			continue
		}
		if err := r.router.SetRoute(pods, ip); err != nil {
			r.log.Error("keep routes", "err", err)
			done = false
		}
	}
	return done
}
