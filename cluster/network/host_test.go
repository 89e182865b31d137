package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func attachHost(t *testing.T, lab *Network, name string) *fakeNode {
	t.Helper()
	n := startNode(t)
	var err error
	if n.ip, err = lab.AttachHost(fmt.Sprintf("/proc/%d/ns/net", n.cmd.Process.Pid), name); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHostReachesNodesPodsAndServices(t *testing.T) {
	lab := openLab(t)
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	addPodAddress(t, one, "10.244.1.5/32")
	setRoute(t, lab, "10.244.1.0/24", "10.89.0.11")
	// A node's kube-proxy translates cluster IPs; here the node just has one.
	addPodAddress(t, one, "10.96.0.1/32")
	serveEcho(t, one.listen(t, "0.0.0.0:80"))

	host := attachHost(t, lab, "host-1")
	if host.ip != netip.MustParseAddr("10.89.0.254") {
		t.Errorf("address %s", host.ip)
	}
	for _, address := range []string{"10.89.0.11:80", "10.244.1.5:80", "10.96.0.1:80"} {
		c, err := host.dial("tcp", address)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		mustReach(t, c, err)
	}
}

func TestHostsRoutesFollowTheNodes(t *testing.T) {
	lab := openLab(t)
	host := attachHost(t, lab, "host-1")
	host.patience = time.Second
	if c, err := host.dial("tcp", "10.96.0.1:80"); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Fatalf("without nodes: %v, %v", c, err)
	}
	attachNode(t, lab, "node-1", "10.89.0.11")
	attachNode(t, lab, "node-2", "10.89.0.12")
	if got := nextHops(t, lab, "host-1"); got != "10.89.0.11 10.89.0.12" {
		t.Errorf("next hops %q", got)
	}
	if err := lab.DetachNode("node-1"); err != nil {
		t.Fatal(err)
	}
	if got := nextHops(t, lab, "host-1"); got != "10.89.0.12" {
		t.Errorf("next hops %q after node-1 went", got)
	}
}

func nextHops(t *testing.T, lab *Network, host string) string {
	t.Helper()
	routes, err := lab.hosts[host].links.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: toIPNet(lab.config.ServiceCIDR)}, netlink.RT_FILTER_DST)
	if err != nil {
		t.Fatal(err)
	}
	var hops []string
	for _, r := range routes {
		if r.Gw != nil {
			hops = append(hops, r.Gw.String())
		}
		for _, h := range r.MultiPath {
			hops = append(hops, h.Gw.String())
		}
	}
	return strings.Join(hops, " ")
}

func TestHostsGoAndAreCounted(t *testing.T) {
	lab := openLab(t)
	first := attachHost(t, lab, "host-1")
	second := attachHost(t, lab, "host-2")
	if first.ip == second.ip {
		t.Fatalf("both have %s", first.ip)
	}
	if _, err := lab.AttachHost(fmt.Sprintf("/proc/%d/ns/net", first.cmd.Process.Pid), "host-1"); err == nil {
		t.Error("attached twice")
	}
	if err := lab.AttachNode(first.cmd.Process.Pid, "node-9", second.ip); err == nil {
		t.Error("a node took a host's address")
	}
	if err := lab.DetachHost("host-1"); err != nil {
		t.Fatal(err)
	}
	if again := attachHost(t, lab, "host-3"); again.ip != first.ip {
		t.Errorf("address %s, and %s is free", again.ip, first.ip)
	}
	if _, err := lab.AttachHost("/proc/1/ns/nothing", "host-4"); err == nil {
		t.Error("attached no namespace")
	}
}
