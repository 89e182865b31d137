package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"kubarium/cluster/network/relay"
)

const (
	// maxHandshakes bounds the connections that are being dialed. A host that
	// does not answer keeps one for dialTimeout, so there must be many.
	maxHandshakes = 512
	// dialTimeout is how long a connection may take to come about.
	dialTimeout = 30 * time.Second
	// keepalive finds out that a node was killed while it had connections.
	keepalive = time.Minute
	// tcpBuffer is what the stack keeps of a connection each way while nobody reads. Its
	// peers are on this machine, so that more makes nothing faster; upstream has 1 MiB.
	tcpBuffer = 256 << 10
	// tellFullAfter is how soon the log says again that connections are refused.
	tellFullAfter = time.Minute
)

func (g *Gateway) handleTCP() {
	forwarder := tcp.NewForwarder(g.stack, tcpBuffer, maxHandshakes, func(r *tcp.ForwarderRequest) {
		// Called on a goroutine of its own, which Close must know of.
		done := make(chan struct{})
		if !g.goTracked(func() { defer close(done); g.forwardTCP(r) }) {
			r.Complete(false)
			return
		}
		<-done
	})
	g.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		// Not handled means refused: the stack answers with a reset.
		return g.outside(target(id).Addr()) && forwarder.HandlePacket(id, pkt)
	})
}

// forwardTCP dials first and completes the node's handshake after that, so that
// a refused connection is refused there too.
func (g *Gateway) forwardTCP(r *tcp.ForwarderRequest) {
	if !g.takeStream() {
		r.Complete(true)
		return
	}
	defer g.giveStream()
	ctx, cancel := context.WithTimeout(g.ctx, dialTimeout)
	defer cancel()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp4", target(r.ID()).String())
	if err != nil {
		// Silence is passed on as silence.
		var timeout net.Error
		silent := errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
		r.Complete(!silent)
		return
	}
	var queue waiter.Queue
	ep, stackErr := r.CreateEndpoint(&queue)
	r.Complete(false)
	if stackErr != nil {
		relay.Abort(out)
		return
	}
	setKeepalive(ep)
	relay.Stream(g.ctx, stream{gonet.NewTCPConn(&queue, ep), ep}, out)
}

// takeStream reports whether there may be one more connection: each takes a descriptor and
// buffers of the process that the API server and etcd are in, whatever the pod's own limits.
func (g *Gateway) takeStream() bool {
	select {
	case g.streams <- struct{}{}:
		return true
	default:
	}
	// As the forwarder counts what is beyond its own bound.
	refused := g.stack.Stats().TCP.ForwardMaxInFlightDrop
	refused.Increment()
	g.tellFull.Do(func() {
		g.config.Log.Warn("the cluster has as many connections to the outside as it may have, others are refused",
			"limit", cap(g.streams), "refused", refused.Value())
	})
	return false
}

func (g *Gateway) giveStream() { <-g.streams }

func setKeepalive(ep tcpip.Endpoint) {
	idle := tcpip.KeepaliveIdleOption(keepalive)
	interval := tcpip.KeepaliveIntervalOption(keepalive / 4)
	// An endpoint that is closed already refuses the options, rightly.
	_ = ep.SetSockOpt(&idle)
	_ = ep.SetSockOpt(&interval)
	ep.SocketOptions().SetKeepAlive(true)
}

// stream is a connection of the stack that can be reset.
type stream struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// SetLinger does what its namesake of net.TCPConn does.
func (s stream) SetLinger(seconds int) error {
	s.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: true, Timeout: time.Duration(seconds) * time.Second})
	return nil
}
