package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// One HTTP server on the host and in the lab, as the API server is.
func TestMergedListenerServesHostAndLab(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	host := listenHost(t, "127.0.0.1:0")
	inside, err := lab.Listen(t.Context(), "tcp", "10.89.0.1:6443")
	if err != nil {
		t.Fatal(err)
	}
	l := MergeListeners(host, inside)
	if l.Addr() != host.Addr() {
		t.Errorf("address %v", l.Addr())
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		_, _ = io.WriteString(w, local.String())
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()

	if got := get(t, host.Addr().String(), (&net.Dialer{}).DialContext); got != host.Addr().String() {
		t.Errorf("host's request was served on %s", got)
	}
	fromNode := func(_ context.Context, network, address string) (net.Conn, error) { return node.dial(network, address) }
	if got := get(t, "10.89.0.1:6443", fromNode); got != "10.89.0.1:6443" {
		t.Errorf("node's request was served on %s", got)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("server ended with %v", err)
	}
	for _, dial := range []func() (net.Conn, error){
		func() (net.Conn, error) { return net.Dial("tcp", host.Addr().String()) },
		func() (net.Conn, error) { return node.dial("tcp", "10.89.0.1:6443") },
	} {
		if c, err := dial(); err == nil {
			c.Close()
			t.Error("a listener is open after the merged one was closed")
		}
	}
}

func get(t *testing.T, address string, dial func(context.Context, string, string) (net.Conn, error)) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	r, err := client.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// failing fails a few times as a listener does when the process has too many
// files open.
type failing struct {
	net.Listener
	failures int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.failures > 0 {
		f.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestMergedListenerWaitsErrorsOut(t *testing.T) {
	checkLeaks(t)
	first, second := listenHost(t, "127.0.0.1:0"), listenHost(t, "127.0.0.1:0")
	l := MergeListeners(first, &failing{second, 3})
	defer l.Close()
	c, err := net.Dial("tcp", second.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
}

func TestMergedListenerOutlivesOneOfTheOthers(t *testing.T) {
	checkLeaks(t)
	first, second := listenHost(t, "127.0.0.1:0"), listenHost(t, "127.0.0.1:0")
	l := MergeListeners(first, second)
	second.Close()
	c, err := net.Dial("tcp", first.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatalf("accept after another listener was closed: %v", err)
	}
	accepted.Close()

	first.Close()
	done := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after the first was closed: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("accept waits after the first was closed")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}
