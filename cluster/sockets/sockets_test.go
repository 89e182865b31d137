package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func listen(t *testing.T) *Listener {
	t.Helper()
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Track(plain)
	t.Cleanup(l.HangUp)
	return l
}

func connect(t *testing.T, l *Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestHangUpClosesWhatTheServerLeftOpen(t *testing.T) {
	l := listen(t)
	client, _ := connect(t, l)
	l.HangUp()
	if err := client.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the server hung up the client reads: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that hung up accepts: %v", err)
	}
}

func TestClosedConnectionsAreForgotten(t *testing.T) {
	l := listen(t)
	client, server := connect(t, l)
	if n := l.Open(); n != 1 {
		t.Errorf("%d connections open, want 1", n)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("client of a closed connection reads: %v", err)
	}
	if n := l.Open(); n != 0 {
		t.Errorf("%d connections are remembered, want none", n)
	}
}
