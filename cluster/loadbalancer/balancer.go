package loadbalancer

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// balancer is one load balancer.
type balancer struct {
	service types.NamespacedName
	uid     types.UID
	address netip.Addr
	// ports are guarded by the cloud. Who serves a connection must do without that
	// lock: closing a port waits for its connections.
	ports map[port]*listener
	// turn counts the connections, so that nodes take turns.
	turn atomic.Uint32

	mu   sync.Mutex
	spec spec
}

func (b *balancer) set(s spec) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spec = s
}

func (b *balancer) current() spec {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spec
}

// spec is what of a service concerns its load balancer.
type spec struct {
	// local balancers lead to nodes with a ready endpoint only: the nodes drop all else,
	// and in return the pods see who asks.
	local bool
	// sticky balancers lead to one node, which then knows the client again.
	sticky bool
	nodes  map[string]bool
}

func specOf(s *corev1.Service, nodes []*corev1.Node) spec {
	names := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		names[n.Name] = true
	}
	return spec{
		local:  s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		sticky: s.Spec.SessionAffinity == corev1.ServiceAffinityClientIP,
		nodes:  names,
	}
}

// targets are the nodes that can take a connection, those that are ready if any
// is.
func (c *Cloud) targets(service types.NamespacedName, spec spec) []netip.Addr {
	all, err := c.nodes.List(labels.Everything())
	if err != nil {
		return nil
	}
	var withEndpoint map[string]bool
	if spec.local {
		withEndpoint = c.nodesWithEndpoint(service)
	}
	var ready, others []*corev1.Node
	for _, n := range all {
		switch {
		case !spec.nodes[n.Name], spec.local && !withEndpoint[n.Name], !internalIP(n).IsValid():
		case isReady(n):
			ready = append(ready, n)
		default:
			others = append(others, n)
		}
	}
	// That all nodes are bad is more likely an error of who judges them.
	if len(ready) == 0 {
		ready = others
	}
	slices.SortFunc(ready, func(a, b *corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	addresses := make([]netip.Addr, 0, len(ready))
	for _, n := range ready {
		addresses = append(addresses, internalIP(n))
	}
	return addresses
}

// candidates are the targets in the order in which the next connection tries them.
func (c *Cloud) candidates(b *balancer) []netip.Addr {
	spec := b.current()
	list := c.targets(b.service, spec)
	if spec.sticky || len(list) == 0 {
		return list
	}
	first := int(b.turn.Add(1)) % len(list)
	return append(slices.Clone(list[first:]), list[:first]...)
}

// nodesWithEndpoint names the nodes with a ready endpoint of the service.
func (c *Cloud) nodesWithEndpoint(service types.NamespacedName) map[string]bool {
	selector := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name})
	list, err := c.slices.EndpointSlices(service.Namespace).List(selector)
	if err != nil {
		return nil
	}
	names := map[string]bool{}
	for _, slice := range list {
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				names[*e.NodeName] = true
			}
		}
	}
	return names
}

// internalIP is the address the lab reaches the node by; not valid if it has none.
func internalIP(node *corev1.Node) netip.Addr {
	for _, a := range node.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP && ip.Is4() {
			return ip
		}
	}
	return netip.Addr{}
}

func isReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
