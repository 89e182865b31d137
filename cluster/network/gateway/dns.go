package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"kubarium/cluster/network/relay"
)

const (
	dnsPort = 53
	// maxQueries bounds how many questions wait for the host's name servers.
	maxQueries = 256
	// dnsTimeout is how long one name server may take.
	dnsTimeout = 2 * time.Second
)

// serveDNS answers on the gateway's own address what the host's name servers
// answer. Messages are passed on as they are, so every record type, and the
// difference between "there is no such name" and "I can't tell", survives.
func (g *Gateway) serveDNS() error {
	address := tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(g.config.Address.Addr().As4()), Port: dnsPort}
	packets, err := gonet.DialUDP(g.stack, &address, nil, ipv4.ProtocolNumber)
	if err != nil {
		return fmt.Errorf("listen for DNS over UDP: %w", err)
	}
	streams, err := gonet.ListenTCP(g.stack, address, ipv4.ProtocolNumber)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for DNS over TCP: %w", err), packets.Close())
	}
	g.goTracked(func() { g.serveDNSPackets(packets) })
	g.goTracked(func() { g.serveDNSStreams(streams) })
	return nil
}

func (g *Gateway) serveDNSPackets(conn net.PacketConn) {
	stop := context.AfterFunc(g.ctx, func() { conn.Close() })
	defer stop()
	slots := make(chan struct{}, maxQueries)
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		query := append([]byte(nil), buf[:n]...)
		select {
		case slots <- struct{}{}:
		default:
			continue
		}
		started := g.goTracked(func() {
			defer func() { <-slots }()
			if answer := g.dns.exchange(g.ctx, query); answer != nil {
				// The one who asked may be gone.
				_, _ = conn.WriteTo(answer, from)
			}
		})
		if !started {
			return
		}
	}
}

// serveDNSStreams passes connections on whole.
func (g *Gateway) serveDNSStreams(l *gonet.TCPListener) {
	stop := context.AfterFunc(g.ctx, l.Shutdown)
	defer stop()
	defer l.Close()
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		if !g.goTracked(func() { g.forwardDNSStream(in) }) {
			in.Close()
			return
		}
	}
}

func (g *Gateway) forwardDNSStream(in net.Conn) {
	if !g.takeStream() {
		in.Close()
		return
	}
	defer g.giveStream()
	for _, server := range g.dns.servers() {
		out, err := (&net.Dialer{Timeout: dnsTimeout}).DialContext(g.ctx, "tcp", server)
		if err == nil {
			relay.Stream(g.ctx, in, out)
			return
		}
	}
	in.Close()
}

// exchange asks the host's name servers one after the other, and says so itself
// when none answers. What is no question gets no answer.
func (r *resolver) exchange(ctx context.Context, query []byte) []byte {
	var parser dnsmessage.Parser
	head, err := parser.Start(query)
	if err != nil || head.Response {
		return nil
	}
	for _, server := range r.servers() {
		if answer, err := ask(ctx, server, query); err == nil {
			return answer
		}
	}
	questions, err := parser.AllQuestions()
	if err != nil {
		return nil
	}
	failure := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired,
			RecursionAvailable: true, RCode: dnsmessage.RCodeServerFailure,
		},
		Questions: questions,
	}
	answer, err := failure.Pack()
	if err != nil {
		return nil
	}
	return answer
}

// ask sends the query from a port of its own and waits for the answer to it.
func ask(ctx context.Context, server string, query []byte) ([]byte, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(dnsTimeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, 65535)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if n >= 2 && buf[0] == query[0] && buf[1] == query[1] {
			return buf[:n], nil
		}
	}
}
