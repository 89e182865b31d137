package gateway

import (
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"kubarium/cluster/network/relay"
)

const (
	// maxUDPFlows bounds how many UDP conversations are remembered.
	maxUDPFlows = 1024
	// udpIdle is how long one is, as in Linux's connection tracking.
	udpIdle = 2 * time.Minute
)

func (g *Gateway) handleUDP() {
	forwarder := udp.NewForwarder(g.stack, g.forwardUDP)
	g.stack.SetTransportProtocolHandler(udp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		// Not handled means refused: the stack answers "port unreachable".
		return g.outside(target(id).Addr()) && forwarder.HandlePacket(id, pkt)
	})
}

// forwardUDP begins a conversation. It runs where packets are delivered, so
// that the endpoint is there before the next packet of the same conversation.
func (g *Gateway) forwardUDP(r *udp.ForwarderRequest) {
	select {
	case g.flows <- struct{}{}:
	default:
		return
	}
	var queue waiter.Queue
	ep, err := r.CreateEndpoint(&queue)
	if err != nil {
		<-g.flows
		return
	}
	in := gonet.NewUDPConn(&queue, ep)
	id := r.ID()
	started := g.goTracked(func() {
		defer func() { <-g.flows }()
		out, err := (&net.Dialer{}).DialContext(g.ctx, "udp4", target(id).String())
		if err != nil {
			in.Close()
			return
		}
		relay.Flow(g.ctx, in, out, udpIdle)
	})
	if !started {
		<-g.flows
		in.Close()
	}
}
