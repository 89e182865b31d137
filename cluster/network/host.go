package network

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// host is a machine of the lab that is no node: somebody's workstation.
type host struct {
	address netip.Addr
	// links talks netlink in the host's namespace.
	links *netlink.Handle
}

// AttachHost plugs a network namespace, by the path of its file, into the lab as a
// machine that is no node, and returns its address. Pods, nodes and the addresses of
// load balancers are reached by the router; cluster IPs by any of the nodes, which
// translate them. A name can be attached once.
func (n *Network) AttachHost(namespace, name string) (netip.Addr, error) {
	ns, err := os.Open(namespace)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("attach host %s: %w", name, err)
	}
	defer ns.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.hosts[name]; taken {
		return netip.Addr{}, fmt.Errorf("attach host %s: it is attached", name)
	}
	address, err := n.freeAddress()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("attach host %s: %w", name, err)
	}
	if err := n.plug(ns, name, address); err != nil {
		return netip.Addr{}, errors.Join(fmt.Errorf("attach host %s: %w", name, err), n.unplug(name))
	}
	links, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return netip.Addr{}, errors.Join(fmt.Errorf("attach host %s: open netlink: %w", name, err), n.unplug(name))
	}
	h := &host{address: address, links: links}
	if err := n.guide(h); err != nil {
		links.Close()
		return netip.Addr{}, errors.Join(fmt.Errorf("attach host %s: %w", name, err), n.unplug(name))
	}
	n.hosts[name] = h
	return address, nil
}

// DetachHost pulls the host's cable.
func (n *Network) DetachHost(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	h, ok := n.hosts[name]
	if !ok {
		return nil
	}
	delete(n.hosts, name)
	h.links.Close()
	if n.closed {
		return nil
	}
	if err := n.unplug(name); err != nil {
		return fmt.Errorf("detach host %s: %w", name, err)
	}
	return nil
}

// freeAddress is the highest of the subnet that nobody has: nodes count from below.
func (n *Network) freeAddress() (netip.Addr, error) {
	if n.closed {
		return netip.Addr{}, errors.New("lab network is closed")
	}
	taken := map[netip.Addr]bool{n.config.Router: true, n.config.Gateway: true}
	for _, a := range n.nodes {
		taken[a] = true
	}
	for _, h := range n.hosts {
		taken[h.address] = true
	}
	subnet := n.config.Subnet.Masked()
	for a := lastOf(subnet).Prev(); subnet.Contains(a) && a != subnet.Addr(); a = a.Prev() {
		if !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of %s is free", subnet)
}

// lastOf is the last address of an IPv4 range, which is its broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

// guideAll tells all hosts about a node that came or went. What fails costs a host its
// way to cluster IPs only.
func (n *Network) guideAll() {
	for name, h := range n.hosts {
		if err := n.guide(h); err != nil {
			n.log.Warn("tell host of the nodes", "host", name, "err", err)
		}
	}
}

// guide sets a host's routes to what is neither nodes nor pods.
func (n *Network) guide(h *host) error {
	eth, err := h.links.LinkByName(nodeLink)
	if err != nil {
		return fmt.Errorf("find %s of host: %w", nodeLink, err)
	}
	index := eth.Attrs().Index
	balancers := &netlink.Route{LinkIndex: index, Gw: n.config.Router.AsSlice(), Dst: toIPNet(n.config.LoadBalancerCIDR)}
	if err := h.links.RouteReplace(balancers); err != nil {
		return fmt.Errorf("route to load balancers: %w", err)
	}
	services := &netlink.Route{Dst: toIPNet(n.config.ServiceCIDR)}
	for _, node := range slices.SortedFunc(maps.Values(n.nodes), netip.Addr.Compare) {
		services.MultiPath = append(services.MultiPath, &netlink.NexthopInfo{LinkIndex: index, Gw: node.AsSlice()})
	}
	if len(services.MultiPath) == 0 {
		services.Type = unix.RTN_UNREACHABLE
	}
	if err := h.links.RouteReplace(services); err != nil {
		return fmt.Errorf("route to services: %w", err)
	}
	return nil
}
