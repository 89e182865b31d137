package follow

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	listers "k8s.io/client-go/listers/core/v1"
)

const (
	// dialTimeout bounds a connection to any of the nodes.
	dialTimeout = 10 * time.Second
	// headStart is how long one node may take before the next is tried as
	// well. A node that was killed counts as ready for most of a minute.
	headStart = 300 * time.Millisecond
)

// Dialer dials in the lab network.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// errNoNode is returned when the cluster has no node with an address.
var errNoNode = errors.New("no node to forward to")

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
		return nil, errNoNode
	}
	return p.lab.DialContext(ctx, "udp", netip.AddrPortFrom(list[0], port).String())
}

type dialed struct {
	node netip.Addr
	conn net.Conn
	err  error
}

// dialTCP connects to the first node that answers. The next node gets its turn
// when the one before refuses, or its head start is over.
func (p *nodePicker) dialTCP(ctx context.Context, port uint16) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	list := p.candidates()
	results := make(chan dialed, len(list))
	next := time.NewTimer(0)
	defer next.Stop()
	err := errNoNode
	for started, ended := 0, 0; ended < len(list); {
		select {
		case <-next.C:
			if started < len(list) {
				go p.dial(ctx, list[started], port, results)
				started++
				next.Reset(headStart)
			}
		case r := <-results:
			ended++
			if r.err == nil {
				p.took(r.node)
				go drop(results, started-ended)
				return r.conn, nil
			}
			err = r.err
			next.Reset(0)
		}
	}
	return nil, err
}

func (p *nodePicker) dial(ctx context.Context, node netip.Addr, port uint16, results chan<- dialed) {
	conn, err := p.lab.DialContext(ctx, "tcp", netip.AddrPortFrom(node, port).String())
	results <- dialed{node, conn, err}
}

func (p *nodePicker) took(node netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = node
}

// drop closes the connections that came too late.
func drop(results <-chan dialed, pending int) {
	for range pending {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
}
