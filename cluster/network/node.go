package network

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// nodeLink is the node's end of its cable, named as on a machine.
const nodeLink = "eth0"

// AttachNode plugs the network namespace of a process into the lab: its eth0
// gets the address, the default route goes to the gateway, and the routes to
// all pods to the router. The lab's end of the cable has the node's name.
// A cable the node still has from before is replaced.
func (n *Network) AttachNode(pid int, name string, ip netip.Addr) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return fmt.Errorf("attach node %s: %w", name, err)
	}
	defer ns.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.claim(name, ip); err != nil {
		return fmt.Errorf("attach node %s: %w", name, err)
	}
	if err := n.plug(ns, name, ip); err != nil {
		return errors.Join(fmt.Errorf("attach node %s: %w", name, err), n.unplug(name))
	}
	if err := n.makeWay(ip); err != nil {
		// Only load balancers need it.
		n.log.Warn("attach node", "node", name, "err", err)
	}
	n.nodes[name] = ip
	n.guideAll()
	return nil
}

// claim checks that the address is one a node can have, and no other node has.
func (n *Network) claim(name string, ip netip.Addr) error {
	if n.closed {
		return errors.New("lab network is closed")
	}
	if !n.config.Subnet.Contains(ip) || ip == n.config.Router || ip == n.config.Gateway {
		return fmt.Errorf("address %s: not one of %s that nodes can have", ip, n.config.Subnet)
	}
	for other, taken := range n.nodes {
		if other != name && taken == ip {
			return fmt.Errorf("address %s: node %s has it", ip, other)
		}
	}
	for other, h := range n.hosts {
		if h.address == ip {
			return fmt.Errorf("address %s: %s has it", ip, other)
		}
	}
	return nil
}

func (n *Network) plug(ns *os.File, name string, ip netip.Addr) error {
	if err := n.unplug(name); err != nil {
		return err
	}
	bridge, err := n.links.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find bridge: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = linkName(name)
	attrs.MasterIndex = bridge.Attrs().Index
	veth := &netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         nodeLink,
		PeerHardwareAddr: hardwareAddr(ip),
		PeerNamespace:    netlink.NsFd(ns.Fd()),
	}
	if err := n.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("make veth pair: %w", err)
	}
	if err := n.links.LinkSetUp(veth); err != nil {
		return fmt.Errorf("bring up veth: %w", err)
	}
	if err := n.configureNode(ns, ip); err != nil {
		return err
	}
	// The bridge is up when its first port is.
	return errors.Join(awaitUp(n.links, attrs.Name), awaitUp(n.links, bridgeName))
}

// configureNode does in the node's namespace what a DHCP client does on a machine.
func (n *Network) configureNode(ns *os.File, ip netip.Addr) error {
	h, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink of node: %w", err)
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback of node: %w", err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up loopback of node: %w", err)
	}
	eth, err := h.LinkByName(nodeLink)
	if err != nil {
		return fmt.Errorf("find %s of node: %w", nodeLink, err)
	}
	if err := h.AddrAdd(eth, &netlink.Addr{IPNet: n.config.ipNet(ip)}); err != nil {
		return fmt.Errorf("give %s its address: %w", nodeLink, err)
	}
	if err := h.LinkSetUp(eth); err != nil {
		return fmt.Errorf("bring up %s of node: %w", nodeLink, err)
	}
	for _, r := range []*netlink.Route{
		{LinkIndex: eth.Attrs().Index, Gw: n.config.Gateway.AsSlice()},
		{LinkIndex: eth.Attrs().Index, Gw: n.config.Router.AsSlice(), Dst: toIPNet(n.config.PodCIDR)},
	} {
		if err := h.RouteReplace(r); err != nil {
			return fmt.Errorf("add route of node: %w", err)
		}
	}
	return awaitUp(h, nodeLink)
}

// awaitUp waits until packets pass. The kernel switches a link on from a work
// queue, milliseconds after it was told to; what is sent before that is lost,
// and TCP would only try again a second later.
func awaitUp(h *netlink.Handle, name string) error {
	const pause, patience = 200 * time.Microsecond, 3 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		l, err := h.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find link %s: %w", name, err)
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
	}
	return fmt.Errorf("link %s: not up after %s", name, patience)
}

// DetachNode pulls the node's cable. A node that has none, because its
// namespace is gone already, is no error.
func (n *Network) DetachNode(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, name)
	if n.closed {
		return nil
	}
	n.guideAll()
	if err := n.unplug(name); err != nil {
		return fmt.Errorf("detach node %s: %w", name, err)
	}
	return nil
}

func (n *Network) unplug(name string) error {
	veth, err := n.links.LinkByName(linkName(name))
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find veth: %w", err)
	}
	// The kernel takes the pair away by itself when the node's namespace
	// goes, which may be right now.
	if err := n.links.LinkDel(veth); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete veth: %w", err)
	}
	return nil
}

// linkName is the node's name, or a short form of it where the kernel allows
// no such name or the lab uses it.
func linkName(node string) string {
	if len(node) < unix.IFNAMSIZ && node != bridgeName && node != tapName && node != "lo" {
		return node
	}
	h := fnv.New32a()
	h.Write([]byte(node))
	return fmt.Sprintf("%.6s-%08x", node, h.Sum32())
}
