// Package sockets closes what a server leaves open. Upstream's servers are made for
// processes, whose end closes all their connections; here a server ends and the process
// goes on. A connection that stays keeps all of the old server in memory.
package sockets

import (
	"net"
	"sync"
)

// Listener knows the connections that it accepted.
type Listener struct {
	net.Listener

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
	// dropping has what is accepted closed at once.
	dropping bool
}

// Track returns a listener that knows what it accepts.
func Track(l net.Listener) *Listener {
	return &Listener{Listener: l, open: make(map[*conn]struct{})}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: accepted, from: l}
		l.mu.Lock()
		closed, dropping := l.closed, l.dropping
		if !closed && !dropping {
			l.open[c] = struct{}{}
		}
		l.mu.Unlock()
		switch {
		case closed:
			_ = accepted.Close()
			return nil, net.ErrClosed
		case dropping:
			_ = accepted.Close()
		default:
			return c, nil
		}
	}
}

// Drop closes all connections, and each new one at once, while the server still
// listens: some take the end of their listener for a bug of theirs.
func (l *Listener) Drop() {
	l.mu.Lock()
	l.dropping = true
	l.mu.Unlock()
	l.closeOpen()
}

// HangUp closes the listener and all connections that are still open.
func (l *Listener) HangUp() {
	// It is closed already, if its server ended in order.
	_ = l.Close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.closeOpen()
}

func (l *Listener) closeOpen() {
	l.mu.Lock()
	left := l.open
	l.open = make(map[*conn]struct{})
	l.mu.Unlock()
	for c := range left {
		_ = c.Conn.Close()
	}
}

// Open counts the connections.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

type conn struct {
	net.Conn
	from *Listener
}

// Close closes the connection, and forgets it.
func (c *conn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}
