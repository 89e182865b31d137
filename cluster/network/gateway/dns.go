package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

const (
	dnsPort = 53
	// maxQueries bounds how many questions wait for the host's name servers.
	maxQueries = 256
	// dnsTimeout is how long one name server may take.
	dnsTimeout = 2 * time.Second
	// dnsIdle is how long a connection may be without a question.
	dnsIdle = 30 * time.Second
	// maxMessage is the largest that DNS has.
	maxMessage = 1<<16 - 1

	// opQuery asks, and typeIXFR is for what has changed in a zone (RFC 1995).
	opQuery  dnsmessage.OpCode = 0
	typeIXFR dnsmessage.Type   = 251
)

// serveDNS answers on the gateway's own address what the host's name servers
// answer. Questions are passed on as they are, so every record type, and the
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
			if answer := g.dns.exchange(g.ctx, "udp", query); answer != nil {
				// The one who asked may be gone.
				_, _ = conn.WriteTo(answer, from)
			}
		})
		if !started {
			return
		}
	}
}

func (g *Gateway) serveDNSStreams(l *gonet.TCPListener) {
	stop := context.AfterFunc(g.ctx, l.Shutdown)
	defer stop()
	defer l.Close()
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		if !g.goTracked(func() { g.serveDNSStream(in) }) {
			in.Close()
			return
		}
	}
}

// serveDNSStream answers the questions of a connection, one after the other.
func (g *Gateway) serveDNSStream(in net.Conn) {
	defer in.Close()
	if !g.takeStream() {
		return
	}
	defer g.giveStream()
	stop := context.AfterFunc(g.ctx, func() { in.Close() })
	defer stop()
	for {
		// It fails for what is closed, which the next line finds out.
		_ = in.SetReadDeadline(time.Now().Add(dnsIdle))
		query, err := readMessage(in)
		if err != nil {
			return
		}
		answer := g.dns.exchange(g.ctx, "tcp", query)
		if answer == nil {
			return
		}
		_ = in.SetWriteDeadline(time.Now().Add(dnsIdle))
		if writeMessage(in, answer) != nil {
			return
		}
	}
}

// exchange asks the host's name servers one after the other, and says so itself
// when none answers, or none is asked. What is no question gets no answer.
func (r *resolver) exchange(ctx context.Context, network string, query []byte) []byte {
	var parser dnsmessage.Parser
	head, err := parser.Start(query)
	if err != nil || head.Response {
		return nil
	}
	questions, err := parser.AllQuestions()
	if code := refusal(head, questions, err); code != dnsmessage.RCodeSuccess {
		return respond(head, questions, code)
	}
	for _, server := range r.servers() {
		if answer, err := ask(ctx, network, server, query); err == nil {
			return answer
		}
	}
	return respond(head, questions, dnsmessage.RCodeServerFailure)
}

// refusal says why the host's name servers are not asked. They take what comes from here for
// the host's own, and often listen for the host alone: so they are asked for names, and not to
// change anything, nor for whole zones.
func refusal(head dnsmessage.Header, questions []dnsmessage.Question, unreadable error) dnsmessage.RCode {
	switch {
	case head.OpCode != opQuery:
		return dnsmessage.RCodeNotImplemented
	case unreadable != nil:
		return dnsmessage.RCodeFormatError
	}
	for _, q := range questions {
		if q.Type == dnsmessage.TypeAXFR || q.Type == typeIXFR {
			return dnsmessage.RCodeRefused
		}
	}
	return dnsmessage.RCodeSuccess
}

// respond is an answer of the gateway itself.
func respond(to dnsmessage.Header, questions []dnsmessage.Question, code dnsmessage.RCode) []byte {
	message := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: to.ID, Response: true, OpCode: to.OpCode, RecursionDesired: to.RecursionDesired,
			RecursionAvailable: true, RCode: code,
		},
		Questions: questions,
	}
	answer, err := message.Pack()
	if err != nil {
		return nil
	}
	return answer
}

// ask sends the query from a port of its own and waits for the answer to it.
func ask(ctx context.Context, network, server string, query []byte) ([]byte, error) {
	conn, err := (&net.Dialer{Timeout: dnsTimeout}).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(dnsTimeout)); err != nil {
		return nil, err
	}
	write, read := writePacket, readPacket
	if network == "tcp" {
		write, read = writeMessage, readMessage
	}
	if err := write(conn, query); err != nil {
		return nil, err
	}
	for {
		answer, err := read(conn)
		if err != nil {
			return nil, err
		}
		if len(answer) >= 2 && answer[0] == query[0] && answer[1] == query[1] {
			return answer, nil
		}
	}
}

func writePacket(to io.Writer, message []byte) error {
	_, err := to.Write(message)
	return err
}

func readPacket(from io.Reader) ([]byte, error) {
	message := make([]byte, maxMessage)
	n, err := from.Read(message)
	return message[:n], err
}

// writeMessage writes a message as DNS has it over TCP, with its length before it.
func writeMessage(to io.Writer, message []byte) error {
	if len(message) > maxMessage {
		return fmt.Errorf("message of %d bytes: more than DNS has", len(message))
	}
	_, err := to.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

func readMessage(from io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(from, message)
	return message, err
}
