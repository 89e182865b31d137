package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addressProtocol marks the routes that SetAddress made ('l'), apart from those of
// pod ranges.
const addressProtocol = 108

// viaPriority is where the rules for DialVia are among the kernel's: before its
// main table, and before nothing else.
const viaPriority = 1000

// DialVia dials an address of the lab through the given node, whatever the routes
// say: so a load balancer hands a connection to the node it chose. A node that is off
// refuses at once.
func (n *Network) DialVia(ctx context.Context, node netip.Addr, network, address string) (net.Conn, error) {
	if err := checkLiteral(address); err != nil {
		return nil, err
	}
	if !n.attached(node) {
		return nil, fmt.Errorf("dial %s: node %s is off", address, node)
	}
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		controlled := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark(node)))
		})
		return errors.Join(controlled, err)
	}}
	var c net.Conn
	err := n.Do(func() (err error) {
		c, err = dialer.DialContext(ctx, network, address)
		return err
	})
	if err != nil && c != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, err
}

func (n *Network) attached(node netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, ip := range n.nodes {
		if ip == node {
			return true
		}
	}
	return false
}

// mark is what a packet bears that is to go by the node.
func mark(node netip.Addr) uint32 {
	b := node.As4()
	return binary.BigEndian.Uint32(b[:])
}

// makeWay lets marked packets go by the node: they have a table of their own, whose
// number is the node's place in the subnet.
func (n *Network) makeWay(node netip.Addr) error {
	bridge, err := n.links.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find bridge: %w", err)
	}
	rule := n.wayRule(node)
	route := &netlink.Route{
		LinkIndex: bridge.Attrs().Index, Dst: toIPNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)),
		Gw: node.AsSlice(), Table: rule.Table, Protocol: addressProtocol,
	}
	if err := n.links.RouteReplace(route); err != nil {
		return fmt.Errorf("route by node %s: %w", node, err)
	}
	if err := n.links.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("choose route by node %s: %w", node, err)
	}
	return nil
}

func (n *Network) wayRule(node netip.Addr) *netlink.Rule {
	rule := netlink.NewRule()
	rule.Family = unix.AF_INET
	rule.Priority = viaPriority
	rule.Mark = mark(node)
	rule.Table = viaPriority + int(mark(node)-mark(n.config.Subnet.Masked().Addr()))
	return rule
}

// SetAddress sends packets for an address that no machine has to any of the nodes,
// which know what to do with it; without nodes the address is unreachable.
func (n *Network) SetAddress(address netip.Addr, nodes []netip.Addr) error {
	route, err := n.route(netip.PrefixFrom(address, address.BitLen()))
	if err != nil {
		return fmt.Errorf("set address: %w", err)
	}
	route.Protocol = addressProtocol
	if len(nodes) == 0 {
		if err := n.links.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("unset address %s: %w", address, err)
		}
		return nil
	}
	if len(nodes) == 1 {
		route.Gw = nodes[0].AsSlice()
	} else {
		index := route.LinkIndex
		route.LinkIndex = 0
		for _, node := range slices.SortedFunc(slices.Values(nodes), netip.Addr.Compare) {
			route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{LinkIndex: index, Gw: node.AsSlice()})
		}
	}
	if err := n.links.RouteReplace(route); err != nil {
		return fmt.Errorf("set address %s: %w", address, err)
	}
	return nil
}
