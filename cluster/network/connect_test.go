package network

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server/egressselector"
)

// apiServerDialer is what the API server makes of our configuration for the cluster.
func apiServerDialer(t *testing.T, socket string) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	return dialerFor(t, socket, egressselector.Cluster)
}

func dialerFor(t *testing.T, socket string, egress egressselector.EgressType) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "egress.yaml")
	writeFile(t, file, string(EgressConfig(socket)))
	config, err := egressselector.ReadEgressSelectorConfiguration(file)
	if err != nil {
		t.Fatal(err)
	}
	if errs := egressselector.ValidateEgressSelectorConfiguration(config); len(errs) > 0 {
		t.Fatal(errs)
	}
	selector, err := egressselector.NewEgressSelector(config)
	if err != nil {
		t.Fatal(err)
	}
	dial, err := selector.Lookup(egress.AsNetworkContext())
	if err != nil || dial == nil {
		t.Fatalf("no dialer for the %s: %v", egress, err)
	}
	return dial
}

func serveConnect(t *testing.T, lab *Network) (*Connect, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "egress.sock")
	writeFile(t, socket, "left over from a crash")
	c, err := lab.ServeConnect(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(socket); !os.IsNotExist(err) {
			t.Errorf("socket after the end: %v", err)
		}
	})
	return c, socket
}

func TestAPIServerReachesNodes(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	dial := apiServerDialer(t, socket)

	serveEcho(t, node.listen(t, "10.89.0.11:10250"))
	c, err := dial(t.Context(), "tcp", "10.89.0.11:10250")
	mustReach(t, c, err)

	if c, err := dial(t.Context(), "tcp", "10.89.0.11:1"); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("dial a port nobody listens on: %v, %v", c, err)
	}
	if c, err := dial(t.Context(), "tcp", "some-service.default.svc:443"); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("dial a name: %v, %v", c, err)
	}
}

// Webhooks can be given by URL: they are reached as by a node, which has not the host's loopback.
func TestAPIServerReachesURLsAsANode(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	dial := dialerFor(t, socket, egressselector.ControlPlane)

	serveEcho(t, node.listen(t, "10.89.0.11:8443"))
	c, err := dial(t.Context(), "tcp", "10.89.0.11:8443")
	mustReach(t, c, err)
	outside := listenHost(t, outsideAddr+":0")
	serveEcho(t, outside)
	c, err = dial(t.Context(), "tcp", outside.Addr().String())
	mustReach(t, c, err)

	loopback := listenHost(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(loopback.Addr().String())
	metadata := listenHost(t, "169.254.169.254:0")
	for _, address := range []string{
		"127.0.0.1:" + port, "127.9.9.9:" + port, "0.0.0.0:" + port, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port,
		metadata.Addr().String(),
	} {
		if c, err := dial(t.Context(), "tcp", address); err == nil || !strings.Contains(err.Error(), "502") {
			t.Errorf("dial %s of the host: %v, %v", address, c, err)
		}
	}
}

func TestAPIServerStreamsThroughTunnel(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	dial := apiServerDialer(t, socket)
	data := make([]byte, 8<<20)
	rand.Read(data)
	received := make(chan string, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
		_, _ = w.Write(body)
	})}
	l := node.listen(t, "10.89.0.11:80")
	go server.Serve(l)
	defer server.Close()

	transport := &http.Transport{DialContext: dial}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post("http://10.89.0.11/", "text/plain", strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	back, err := io.ReadAll(response.Body)
	if err != nil || string(back) != string(data) || <-received != string(data) {
		t.Errorf("8 MiB came back as %d bytes: %v", len(back), err)
	}
}

// A watch is open for hours, and one side ends it.
func TestTunnelEndsWithEitherSide(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	dial := apiServerDialer(t, socket)
	l := node.listen(t, "10.89.0.11:80")
	pair := func() (client, server net.Conn) {
		client, err := dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []net.Conn{client, server} {
			c.SetDeadline(time.Now().Add(10 * time.Second))
		}
		return client, server
	}
	client, server := pair()
	client.Close()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("server is told: %v", err)
	}
	server.Close()

	client, server = pair()
	server.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("client is told: %v", err)
	}
	client.Close()
}

func TestClosingTheProxyEndsTunnels(t *testing.T) {
	lab := openLab(t)
	connect, socket := serveConnect(t, lab)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	l := node.listen(t, "10.89.0.11:80")
	client, err := apiServerDialer(t, socket)(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := connect.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("tunnel is open after the proxy was closed")
		}
	}
}

// An API server that ended keeps no tunnel, and the next one may open others.
func TestHangingUpEndsTunnelsAndNotTheProxy(t *testing.T) {
	lab := openLab(t)
	connect, socket := serveConnect(t, lab)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	l := node.listen(t, "10.89.0.11:80")
	dial := apiServerDialer(t, socket)
	for range 2 {
		client, err := dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		connect.HangUp()
		for _, c := range []net.Conn{client, server} {
			c.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("tunnel after the proxy hung up: %v", err)
			}
			c.Close()
		}
	}
}

// A client that gives up must not leave a dial to a dead node behind; the leak
// check sees one that is.
func TestClientGivesUp(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "CONNECT 10.89.0.99:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestProxyKnowsConnectOnly(t *testing.T) {
	lab := openLab(t)
	_, socket := serveConnect(t, lab)
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET http://10.89.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("answer %s", response.Status)
	}
}
