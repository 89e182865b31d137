package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestNodesReachEachOtherAndTheLab(t *testing.T) {
	lab := openLab(t)
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	two := attachNode(t, lab, "node-2", "10.89.0.12")

	serveEcho(t, one.listen(t, "10.89.0.11:8080"))
	c, err := two.dial("tcp", "10.89.0.11:8080")
	mustReach(t, c, err)
	c, err = lab.DialContext(t.Context(), "tcp", "10.89.0.11:8080")
	mustReach(t, c, err)

	router, err := lab.Listen(t.Context(), "tcp", "10.89.0.1:6443")
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, router)
	c, err = two.dial("tcp", "10.89.0.1:6443")
	mustReach(t, c, err)
}

func TestPacketSocketIsInTheLab(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	server, err := lab.ListenPacket(t.Context(), "udp", "10.89.0.1:5300")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := node.dial("udp", "10.89.0.1:5300")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 16)
	n, from, err := server.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "hello" || !strings.HasPrefix(from.String(), "10.89.0.11:") {
		t.Fatalf("got %q from %v: %v", buf[:n], from, err)
	}
}

func TestPodsReachEachOtherByTheRouter(t *testing.T) {
	lab := openLab(t)
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	two := attachNode(t, lab, "node-2", "10.89.0.12")
	addPodAddress(t, one, "10.244.1.5/32")
	addPodAddress(t, two, "10.244.2.5/32")
	serveEcho(t, one.listen(t, "10.244.1.5:80"))

	if c, err := two.dial("tcp", "10.244.1.5:80"); !errors.Is(err, syscall.ENETUNREACH) && !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Fatalf("dial without a route: %v, %v", c, err)
	}
	setRoute(t, lab, "10.244.1.0/24", "10.89.0.12") // replaced below
	setRoute(t, lab, "10.244.1.0/24", "10.89.0.11")
	setRoute(t, lab, "10.244.2.0/24", "10.89.0.12")
	routes, err := lab.Routes()
	if err != nil {
		t.Fatal(err)
	}
	if len(routes) != 2 || routes[netip.MustParsePrefix("10.244.1.0/24")] != one.ip {
		t.Fatalf("routes %v", routes)
	}
	for range 3 {
		c, err := dialFrom(two, "10.244.2.5", "10.244.1.5:80")
		mustReach(t, c, err)
	}
	// The node itself, as its kubelet's probes, is what would be redirected.
	c, err := dialFrom(two, "10.89.0.12", "10.244.1.5:80")
	mustReach(t, c, err)
	if redirects := sentRedirects(t, lab); redirects != "0" {
		t.Errorf("the router sent %s redirects: nodes would go around it", redirects)
	}

	pods := netip.MustParsePrefix("10.244.1.0/24")
	for range 2 { // the second time there is nothing to delete
		if err := lab.DeleteRoute(pods); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := dialFrom(two, "10.244.2.5", "10.244.1.5:80"); err == nil {
		c.Close()
		t.Fatal("pod is reached without its route")
	}
}

func setRoute(t *testing.T, lab *Network, pods, via string) {
	t.Helper()
	if err := lab.SetRoute(netip.MustParsePrefix(pods), netip.MustParseAddr(via)); err != nil {
		t.Fatal(err)
	}
}

func addPodAddress(t *testing.T, n *fakeNode, cidr string) {
	t.Helper()
	err := enter(n.ns, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr(cidr)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(lo, addr)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func dialFrom(n *fakeNode, local, address string) (net.Conn, error) {
	var c net.Conn
	err := enter(n.ns, func() (err error) {
		d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
		c, err = d.Dial("tcp", address)
		return err
	})
	return c, err
}

// sentRedirects is the lab's count of ICMP redirects.
func sentRedirects(t *testing.T, lab *Network) string {
	t.Helper()
	var data []byte
	err := lab.Do(func() (err error) {
		data, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Two lines begin so: the names of the counters, and their values.
	var lines [][]string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "Icmp:") {
			lines = append(lines, strings.Fields(line))
		}
	}
	if len(lines) != 2 || !slices.Contains(lines[0], "OutRedirects") {
		t.Fatalf("no count of redirects in %q", data)
	}
	return lines[1][slices.Index(lines[0], "OutRedirects")]
}

// Kernels switch new links on a little later than told; AttachNode waits, since
// what is sent before is lost.
func TestAttachedMeansConnected(t *testing.T) {
	// Without a gateway, the first node brings the bridge up.
	lab := openLab(t, func(c *Config) { c.TunDevice = "/nonexistent" })
	for i := range 20 {
		name := fmt.Sprintf("node-%d", i)
		attachNode(t, lab, name, fmt.Sprintf("10.89.0.%d", 11+i))
		for _, link := range []string{name, bridgeName} {
			l, err := lab.links.LinkByName(link)
			if err != nil {
				t.Fatal(err)
			}
			if l.Attrs().OperState != netlink.OperUp {
				t.Fatalf("link %s after attaching %s: %s", link, name, l.Attrs().OperState)
			}
		}
	}
}

func TestNodeComesBackAfterPowerCut(t *testing.T) {
	lab := openLab(t)
	first := attachNode(t, lab, "node-1", "10.89.0.11")
	peer := attachNode(t, lab, "node-2", "10.89.0.12")
	serveEcho(t, first.listen(t, "10.89.0.11:80"))
	c, err := peer.dial("tcp", "10.89.0.11:80") // fills the neighbour cache
	mustReach(t, c, err)
	first.kill()

	// Attached while the old cable may still be there, and without a detach.
	again := attachNode(t, lab, "node-1", "10.89.0.11")
	serveEcho(t, again.listen(t, "10.89.0.11:81"))
	c, err = peer.dial("tcp", "10.89.0.11:81")
	mustReach(t, c, err)

	for range 2 { // the second time there is nothing to detach
		if err := lab.DetachNode("node-1"); err != nil {
			t.Fatal(err)
		}
	}
	peer.patience = time.Second
	if c, err := peer.dial("tcp", "10.89.0.11:81"); err == nil {
		c.Close()
		t.Fatal("detached node is reached")
	}
}

func TestAttachRefusesWrongAddresses(t *testing.T) {
	lab := openLab(t)
	attachNode(t, lab, "node-1", "10.89.0.11")
	n := startNode(t)
	for _, ip := range []string{"10.89.0.1", "10.89.0.2", "10.89.0.11", "10.90.0.5", "::1"} {
		if err := lab.AttachNode(n.cmd.Process.Pid, "node-2", netip.MustParseAddr(ip)); err == nil {
			t.Errorf("node got address %s", ip)
		}
	}
	if err := lab.AttachNode(n.cmd.Process.Pid, "node-2", netip.MustParseAddr("10.89.0.12")); err != nil {
		t.Errorf("right address after wrong ones: %v", err)
	}
}

func TestLinkNamesFitTheKernel(t *testing.T) {
	names := map[string]bool{}
	for _, node := range []string{
		"node-1", "lo", bridgeName, tapName, "a-node-with-a-long-name-1", "a-node-with-a-long-name-2", "exactly-fifteen",
	} {
		name := linkName(node)
		if len(name) >= 16 || names[name] || name == "lo" || name == bridgeName || name == tapName {
			t.Errorf("link of node %q is named %q", node, name)
		}
		names[name] = true
	}
	if linkName("node-1") != "node-1" {
		t.Error("a short name is not kept")
	}
}

// The host must be the same with the lab as without: links, addresses, routes,
// neighbours, packet filter, kernel settings.
func TestHostStaysAsItWas(t *testing.T) {
	before := hostState(t)
	lab := openLab(t)
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	two := attachNode(t, lab, "node-2", "10.89.0.12")
	setRoute(t, lab, "10.244.1.0/24", "10.89.0.11")
	serveEcho(t, one.listen(t, "10.89.0.11:80"))
	c, err := two.dial("tcp", "10.89.0.11:80")
	mustReach(t, c, err)
	if during := hostState(t); during != before {
		t.Errorf("host with the lab:\n%s\nbefore:\n%s", during, before)
	}
	if c, err := net.DialTimeout("tcp", "10.89.0.11:80", time.Second); err == nil {
		c.Close()
		t.Error("the host reaches a node without a forward")
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	if after := hostState(t); after != before {
		t.Errorf("host after the lab:\n%s\nbefore:\n%s", after, before)
	}
	if c, err := two.dial("tcp", "10.89.0.11:80"); err == nil {
		c.Close()
		t.Error("nodes still have a network after the lab was closed")
	}
}

func hostState(t *testing.T) string {
	t.Helper()
	var state strings.Builder
	for _, args := range [][]string{
		{"ip", "-o", "addr"},
		{"ip", "route", "show", "table", "all"},
		{"ip", "rule"},
		{"ip", "neigh", "show", "to", "10.0.0.0/8"},
		{"ip", "netns"},
		{"nft", "list", "ruleset"},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		state.Write(out)
	}
	settings, err := filepath.Glob("/proc/sys/net/ipv4/conf/*/*")
	if err != nil || len(settings) == 0 {
		t.Fatalf("kernel settings: %v", err)
	}
	settings = append(settings, "/proc/sys/net/ipv4/ip_forward")
	for _, s := range settings {
		value, err := os.ReadFile(s)
		if err != nil && !errors.Is(err, os.ErrPermission) {
			continue
		}
		state.WriteString(s + "=" + string(value))
	}
	return state.String()
}

func TestThreadsComeBack(t *testing.T) {
	lab := openLab(t)
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for range 50 {
		if err := lab.Do(func() error { return boom }); !errors.Is(err, boom) {
			t.Fatalf("error of the function: %v", err)
		}
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if at, err := os.Readlink(task); err == nil && at != home {
			t.Errorf("a thread stayed in the lab: %s", task)
		}
	}
}

func TestNamesAreNotDialed(t *testing.T) {
	lab := openLab(t)
	if c, err := lab.DialContext(t.Context(), "tcp", "localhost:80"); err == nil {
		c.Close()
		t.Error("a name was dialed")
	}
	if l, err := lab.Listen(t.Context(), "tcp", ":0"); err == nil {
		l.Close()
		t.Error("no address was listened on")
	}
}
