package loadbalancer

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kubarium/cluster/network/relay"
)

const (
	// dialTimeout bounds a connection to any of the nodes.
	dialTimeout = 10 * time.Second
	// udpIdle is how long a UDP client is remembered after its last answer.
	udpIdle = time.Minute
	// instead is added to a port that something else on the host has: 80 becomes 8080.
	instead = 8000
)

// port is a port of a service.
type port struct {
	number   uint16
	protocol corev1.Protocol
}

// listener is a port of the host that leads to a balancer's port.
type listener struct {
	on    netip.AddrPort
	close func()
}

// hostPort tells where a service's port is on the host.
type hostPort struct {
	port port
	on   netip.AddrPort
}

// String is the form in which the annotation has it.
func (h hostPort) String() string {
	if h.port.protocol == corev1.ProtocolUDP {
		return h.on.String() + "/udp"
	}
	return h.on.String()
}

// parseHosts reads the annotation, so that a port that had to move stays where it is.
func parseHosts(text string) []netip.AddrPort {
	var list []netip.AddrPort
	for _, part := range strings.Split(text, ",") {
		if on, err := netip.ParseAddrPort(strings.TrimSuffix(strings.TrimSpace(part), "/udp")); err == nil {
			list = append(list, on)
		}
	}
	return list
}

func formatHosts(list []hostPort) string {
	names := make([]string, 0, len(list))
	for _, h := range list {
		names = append(names, h.String())
	}
	return strings.Join(names, ", ")
}

// listenAll listens on the host for the service's ports, and no longer for those that
// it had; c.mu is held.
func (c *Cloud) listenAll(b *balancer, s *corev1.Service) []hostPort {
	before := parseHosts(s.Annotations[HostAnnotation])
	var want []port
	for _, p := range s.Spec.Ports {
		// What else there is (SCTP) is reached inside the lab only.
		if p.Protocol == corev1.ProtocolTCP || p.Protocol == corev1.ProtocolUDP {
			want = append(want, port{uint16(p.Port), p.Protocol})
		}
	}
	for p, l := range b.ports {
		if !slices.Contains(want, p) {
			l.close()
			delete(b.ports, p)
		}
	}
	var list []hostPort
	for i, p := range want {
		if b.ports[p] == nil {
			var remembered uint16
			if len(before) == len(want) {
				remembered = before[i].Port()
			}
			l, err := c.listen(b, p, remembered)
			if err != nil {
				c.config.Log.Error("listen for load balancer", "service", b.service, "port", p.number, "err", err)
				continue
			}
			b.ports[p] = l
		}
		list = append(list, hostPort{p, b.ports[p].on})
	}
	return list
}

// listen tries the ports that one would try, then takes any.
func (c *Cloud) listen(b *balancer, p port, remembered uint16) (*listener, error) {
	numbers := []uint16{p.number, p.number + instead, 0}
	if remembered != 0 {
		numbers = append([]uint16{remembered}, numbers...)
	}
	var last error
	for _, number := range numbers {
		l, err := c.listenOn(b, p, netip.AddrPortFrom(c.config.Host, number))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, last
}

func (c *Cloud) listenOn(b *balancer, p port, on netip.AddrPort) (*listener, error) {
	target := netip.AddrPortFrom(b.address, p.number).String()
	if p.protocol == corev1.ProtocolUDP {
		conn, err := (&net.ListenConfig{}).ListenPacket(c.ctx, "udp4", on.String())
		if err != nil {
			return nil, err
		}
		d := &relay.Datagrams{Conn: conn, Idle: udpIdle, Dial: func(ctx context.Context) (net.Conn, error) {
			return c.dialUDP(ctx, b, target)
		}}
		return &listener{conn.LocalAddr().(*net.UDPAddr).AddrPort(), spawn(c.ctx, d.Serve)}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(c.ctx, "tcp4", on.String())
	if err != nil {
		return nil, err
	}
	return &listener{l.Addr().(*net.TCPAddr).AddrPort(), spawn(c.ctx, func(ctx context.Context) {
		relay.Serve(ctx, l, func(ctx context.Context, client net.Conn) { c.serve(ctx, b, target, client) })
	})}, nil
}

// serve hands a connection to a node.
func (c *Cloud) serve(ctx context.Context, b *balancer, target string, client net.Conn) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, _, err := relay.Race(dialing, c.candidates(b), func(ctx context.Context, node netip.Addr) (net.Conn, error) {
		return c.config.Lab.DialVia(ctx, node, "tcp", target)
	})
	if err != nil {
		c.config.Log.Debug("no node took the connection", "service", b.service, "err", err)
		relay.Abort(client)
		return
	}
	relay.Stream(ctx, client, conn)
}

func (c *Cloud) dialUDP(ctx context.Context, b *balancer, target string) (net.Conn, error) {
	err := relay.ErrNobody
	for _, node := range c.candidates(b) {
		var conn net.Conn
		if conn, err = c.config.Lab.DialVia(ctx, node, "udp", target); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// spawn runs f until the returned function is called, which waits for its end.
func spawn(ctx context.Context, f func(context.Context)) func() {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// close ends all listeners.
func (b *balancer) close() {
	for p, l := range b.ports {
		l.close()
		delete(b.ports, p)
	}
}
