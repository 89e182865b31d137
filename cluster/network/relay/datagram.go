package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	// maxDatagram is the largest payload UDP can have.
	maxDatagram = 65507
	// maxFlows bounds how many clients one Datagrams remembers.
	maxFlows = 1024
)

// Flow copies datagrams both ways between two connected sockets until neither
// got one for the idle time, one of them is closed, or ctx ends, and closes both.
func Flow(ctx context.Context, a, b net.Conn, idle time.Duration) {
	stop := context.AfterFunc(ctx, func() { a.Close(); b.Close() })
	defer stop()
	touch := func() {
		deadline := time.Now().Add(idle)
		// It fails for sockets that are closed, whose readers end anyway.
		_, _ = a.SetReadDeadline(deadline), b.SetReadDeadline(deadline)
	}
	touch()
	var wg sync.WaitGroup
	wg.Go(func() { datagrams(a, b, touch) })
	datagrams(b, a, touch)
	wg.Wait()
	a.Close()
	b.Close()
}

func datagrams(dst, src net.Conn, touch func()) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := src.Read(buf)
		if err == nil {
			touch()
			_, err = dst.Write(buf[:n])
		}
		// Nobody listens there yet, which the next datagram may find changed.
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
}

// Datagrams relays what arrives at an unconnected socket, each client through
// a connection of its own, so that answers find back.
type Datagrams struct {
	// Conn is where clients send to.
	Conn net.PacketConn
	// Dial makes the connection for a new client.
	Dial func(ctx context.Context) (net.Conn, error)
	// Idle is how long a client's connection is kept after its last answer.
	// What the client sends does not prolong it: a server that is gone would
	// be held on to just because the client still hopes.
	Idle time.Duration

	mu    sync.Mutex
	flows map[netip.AddrPort]net.Conn
}

// Serve relays until Conn is closed or ctx ends; then it closes Conn.
func (d *Datagrams) Serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { d.Conn.Close() })
	d.flows = map[netip.AddrPort]net.Conn{}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer stop()
	defer d.Conn.Close()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := d.Conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		d.forward(ctx, &wg, from, buf[:n])
	}
}

func (d *Datagrams) forward(ctx context.Context, wg *sync.WaitGroup, from net.Addr, data []byte) {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return
	}
	client := udp.AddrPort()
	d.mu.Lock()
	out, known := d.flows[client]
	full := len(d.flows) >= maxFlows
	d.mu.Unlock()
	if !known {
		if full {
			return
		}
		var err error
		// Connecting a datagram socket sends nothing and so does not wait.
		if out, err = d.Dial(ctx); err != nil {
			return
		}
		d.mu.Lock()
		d.flows[client] = out
		d.mu.Unlock()
		wg.Go(func() { d.answers(ctx, out, client, from) })
	}
	// A datagram that can't be sent is lost, as datagrams are.
	_, _ = out.Write(data)
}

func (d *Datagrams) answers(ctx context.Context, out net.Conn, client netip.AddrPort, to net.Addr) {
	stop := context.AfterFunc(ctx, func() { out.Close() })
	defer stop()
	defer func() {
		d.mu.Lock()
		delete(d.flows, client)
		d.mu.Unlock()
		out.Close()
	}()
	buf := make([]byte, maxDatagram)
	_ = out.SetReadDeadline(time.Now().Add(d.Idle))
	for {
		n, err := out.Read(buf)
		if errors.Is(err, syscall.ECONNREFUSED) {
			continue
		}
		if err != nil {
			return
		}
		_ = out.SetReadDeadline(time.Now().Add(d.Idle))
		if _, err := d.Conn.WriteTo(buf[:n], to); err != nil {
			return
		}
	}
}
