package follow

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	listers "k8s.io/client-go/listers/core/v1"

	"kubarium/cluster/network/relay"
)

// dialTimeout bounds a connection to any of the nodes.
const dialTimeout = 10 * time.Second

// Dialer dials in the lab network.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// nodePicker finds a node that takes a connection.
type nodePicker struct {
	nodes listers.NodeLister
	lab   Dialer

	mu sync.Mutex
	// last is the node that took the latest connection.
	last netip.Addr
}

// candidates lists the nodes' addresses, best first: those that are ready, of
// these the one that worked last, the others by name.
func (p *nodePicker) candidates() []netip.Addr {
	nodes, err := p.nodes.List(labels.Everything())
	if err != nil {
		return nil
	}
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	rank := func(n *corev1.Node) int {
		ip, _ := internalIP(n)
		switch {
		case !isReady(n):
			return 2
		case ip != last:
			return 1
		}
		return 0
	}
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b *corev1.Node) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Name, b.Name))
	})
	var list []netip.Addr
	for _, n := range nodes {
		if ip, ok := internalIP(n); ok {
			list = append(list, ip)
		}
	}
	return list
}

func (p *nodePicker) dialUDP(ctx context.Context, port uint16) (net.Conn, error) {
	list := p.candidates()
	if len(list) == 0 {
		return nil, relay.ErrNobody
	}
	return p.lab.DialContext(ctx, "udp", netip.AddrPortFrom(list[0], port).String())
}

// dialTCP connects to the first node that answers.
func (p *nodePicker) dialTCP(ctx context.Context, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, node, err := relay.Race(ctx, p.candidates(), func(ctx context.Context, node netip.Addr) (net.Conn, error) {
		return p.lab.DialContext(ctx, "tcp", netip.AddrPortFrom(node, port).String())
	})
	if err == nil {
		p.took(node)
	}
	return conn, err
}

func (p *nodePicker) took(node netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = node
}
