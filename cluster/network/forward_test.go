package network

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestForward(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	serveEcho(t, node.listen(t, "10.89.0.11:80"))
	f, err := lab.Forward(t.Context(), "127.0.0.1:0", "10.89.0.11:80")
	if err != nil {
		t.Fatal(err)
	}
	// The server answers only after our end of the question: it must be passed on.
	c, err := net.Dial("tcp", f.Addr().String())
	mustReach(t, c, err)

	open, err := net.Dial("tcp", f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	open.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("connection is open after the forward was closed")
	}
	if c, err := net.Dial("tcp", f.Addr().String()); err == nil {
		c.Close()
		t.Error("forward is open after it was closed")
	}
}

func TestForwardPassesTheServersEndOn(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	l := node.listen(t, "10.89.0.11:80")
	f, err := lab.Forward(t.Context(), "127.0.0.1:0", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	client, err := net.Dial("tcp", f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	client.SetDeadline(time.Now().Add(10 * time.Second))
	server.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("client is told: %v", err)
	}
	if _, err := io.WriteString(client, "still here"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if data, err := io.ReadAll(server); err != nil || string(data) != "still here" {
		t.Errorf("server got %q, %v", data, err)
	}
}

func TestForwardResetsWhereNobodyListens(t *testing.T) {
	lab := openLab(t)
	attachNode(t, lab, "node-1", "10.89.0.11")
	f, err := lab.Forward(t.Context(), "127.0.0.1:0", "10.89.0.11:80")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := net.Dial("tcp", f.Addr().String())
	if err == nil {
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(make([]byte, 1))
	}
	// The reset may be so quick that dialing ends with it.
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("client is told: %v", err)
	}
}

func TestForwardOfATakenPort(t *testing.T) {
	lab := openLab(t)
	taken := listenHost(t, "127.0.0.1:0")
	if f, err := lab.Forward(t.Context(), taken.Addr().String(), "10.89.0.11:80"); err == nil {
		f.Close()
		t.Error("a taken port was forwarded")
	} else if !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
}
