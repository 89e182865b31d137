package network

import (
	"context"
	"net"
	"sync"

	"kubarium/cluster/network/relay"
)

// merged accepts from several listeners.
type merged struct {
	listeners []net.Listener
	conns     chan net.Conn
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	close     sync.Once
}

// MergeListeners makes one listener of several, for a server that takes one
// only. Its address is the first's, and closing it closes all. One of the
// others that was closed by itself is left out from then on.
func MergeListeners(first net.Listener, others ...net.Listener) net.Listener {
	m := &merged{
		listeners: append([]net.Listener{first}, others...),
		conns:     make(chan net.Conn),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	for _, l := range m.listeners {
		m.wg.Go(func() { m.accept(l) })
	}
	return m
}

func (m *merged) accept(l net.Listener) {
	for {
		conn, err := relay.Accept(m.ctx, l)
		if err != nil {
			if l == m.listeners[0] {
				m.cancel()
			}
			return
		}
		select {
		case m.conns <- conn:
		case <-m.ctx.Done():
			conn.Close()
			return
		}
	}
}

// Accept implements net.Listener.
func (m *merged) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.ctx.Done():
		return nil, &net.OpError{Op: "accept", Net: m.Addr().Network(), Addr: m.Addr(), Err: net.ErrClosed}
	}
}

// Close implements net.Listener.
func (m *merged) Close() error {
	err := &net.OpError{Op: "close", Net: m.Addr().Network(), Addr: m.Addr(), Err: net.ErrClosed}
	closed := error(err)
	m.close.Do(func() {
		m.cancel()
		closed = nil
		for _, l := range m.listeners {
			// One that is closed already is what is wanted.
			_ = l.Close()
		}
		m.wg.Wait()
	})
	return closed
}

// Addr implements net.Listener.
func (m *merged) Addr() net.Addr { return m.listeners[0].Addr() }
