package network

import (
	"io"
	"net"
	"net/netip"
	"testing"
)

func TestDialViaChoosesTheNode(t *testing.T) {
	lab := openLab(t)
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	two := attachNode(t, lab, "node-2", "10.89.0.12")
	for _, n := range []*fakeNode{one, two} {
		addPodAddress(t, n, "10.89.1.5/32")
		serveName(t, n.listen(t, "10.89.1.5:80"), n.ip.String())
	}
	for range 3 {
		for _, n := range []*fakeNode{one, two} {
			c, err := lab.DialVia(t.Context(), n.ip, "tcp", "10.89.1.5:80")
			if err != nil {
				t.Fatal(err)
			}
			if got := ask(t, c, "hello"); got != n.ip.String() {
				t.Fatalf("via %s answers %s", n.ip, got)
			}
		}
	}
	if err := lab.DetachNode("node-1"); err != nil {
		t.Fatal(err)
	}
	if c, err := lab.DialVia(t.Context(), one.ip, "tcp", "10.89.1.5:80"); err == nil {
		c.Close()
		t.Fatal("a node without a cable is dialed")
	}
	// A node that comes back is reached as before.
	if err := lab.AttachNode(one.cmd.Process.Pid, "node-1", one.ip); err != nil {
		t.Fatal(err)
	}
	c, err := lab.DialVia(t.Context(), one.ip, "tcp", "10.89.1.5:80")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, "hello"); got != one.ip.String() {
		t.Fatalf("a node that came back: %s answers", got)
	}
}

func TestAddressIsSpreadOverItsNodes(t *testing.T) {
	lab := openLab(t)
	address := netip.MustParseAddr("10.89.1.5")
	var nodes []netip.Addr
	for name, ip := range map[string]string{"node-1": "10.89.0.11", "node-2": "10.89.0.12"} {
		n := attachNode(t, lab, name, ip)
		addPodAddress(t, n, "10.89.1.5/32")
		serveName(t, n.listen(t, "10.89.1.5:80"), ip)
		nodes = append(nodes, n.ip)
	}
	if c, err := lab.DialContext(t.Context(), "tcp", "10.89.1.5:80"); err == nil {
		c.Close()
		t.Fatal("an address nobody has is reached")
	}
	answered := func() map[string]bool {
		names := map[string]bool{}
		for range 40 {
			c, err := lab.DialContext(t.Context(), "tcp", "10.89.1.5:80")
			if err != nil {
				t.Fatal(err)
			}
			names[ask(t, c, "hello")] = true
		}
		return names
	}
	set := func(nodes ...netip.Addr) {
		t.Helper()
		for range 2 { // the second time nothing changes
			if err := lab.SetAddress(address, nodes); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(nodes...)
	if names := answered(); len(names) != 2 {
		t.Errorf("of two nodes, %v answer", names)
	}
	set(nodes[1])
	if names := answered(); len(names) != 1 || !names[nodes[1].String()] {
		t.Errorf("of node %s alone, %v answer", nodes[1], names)
	}
	if routes, err := lab.Routes(); err != nil || len(routes) != 0 {
		t.Errorf("addresses are among the nodes' routes: %v, %v", routes, err)
	}
	set()
	if c, err := lab.DialContext(t.Context(), "tcp", "10.89.1.5:80"); err == nil {
		c.Close()
		t.Fatal("an address that was taken away is reached")
	}
}

// serveName answers each connection with a name.
func serveName(t *testing.T, l net.Listener, name string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadAll(c); err == nil {
				_, _ = io.WriteString(c, name)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}
