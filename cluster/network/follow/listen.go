package follow

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kubarium/cluster/network/relay"
)

// udpIdle is how long a UDP client is remembered after its last answer.
const udpIdle = time.Minute

// listen listens on the host and forwards; the returned function ends both.
func (p *NodePorts) listen(ctx context.Context, port Port) (func(), error) {
	address := netip.AddrPortFrom(p.config.Host, port.Number).String()
	if port.Protocol == corev1.ProtocolUDP {
		return p.listenUDP(ctx, address, port)
	}
	return p.listenTCP(ctx, address, port)
}

func (p *NodePorts) listenTCP(ctx context.Context, address string, port Port) (func(), error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return spawn(ctx, func(ctx context.Context) {
		relay.Serve(ctx, l, func(ctx context.Context, client net.Conn) {
			conn, err := p.nodes.dialTCP(ctx, port.Number)
			if err != nil {
				p.config.Log.Debug("no node took the connection", "port", port.Number, "err", err)
				relay.Abort(client)
				return
			}
			relay.Stream(ctx, client, conn)
		})
	}), nil
}

func (p *NodePorts) listenUDP(ctx context.Context, address string, port Port) (func(), error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	return spawn(ctx, func(ctx context.Context) {
		d := &relay.Datagrams{Conn: conn, Idle: udpIdle, Dial: func(ctx context.Context) (net.Conn, error) {
			return p.nodes.dialUDP(ctx, port.Number)
		}}
		d.Serve(ctx)
	}), nil
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
