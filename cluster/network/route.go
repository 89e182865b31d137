package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeProtocol marks the routes that SetRoute made ('k'), as other daemons
// mark theirs, so that Routes tells them from the kernel's.
const routeProtocol = 107

// SetRoute sends packets for a node's pods to the node, replacing the way they
// went before.
func (n *Network) SetRoute(podCIDR netip.Prefix, via netip.Addr) error {
	route, err := n.route(podCIDR)
	if err != nil {
		return fmt.Errorf("set route: %w", err)
	}
	route.Gw = via.AsSlice()
	if err := n.links.RouteReplace(route); err != nil {
		return fmt.Errorf("set route %s via %s: %w", podCIDR, via, err)
	}
	return nil
}

// DeleteRoute takes the route away; none being there is no error.
func (n *Network) DeleteRoute(podCIDR netip.Prefix) error {
	route, err := n.route(podCIDR)
	if err != nil {
		return fmt.Errorf("delete route: %w", err)
	}
	if err := n.links.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete route %s: %w", podCIDR, err)
	}
	return nil
}

// Routes is what SetRoute set: pod ranges and the nodes they are reached by.
func (n *Network) Routes() (map[netip.Prefix]netip.Addr, error) {
	list, err := n.links.RouteListFiltered(unix.AF_INET,
		&netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	routes := make(map[netip.Prefix]netip.Addr, len(list))
	for _, r := range list {
		via, _ := netip.AddrFromSlice(r.Gw)
		if r.Dst == nil {
			continue
		}
		dst, _ := netip.AddrFromSlice(r.Dst.IP)
		ones, _ := r.Dst.Mask.Size()
		routes[netip.PrefixFrom(dst.Unmap(), ones)] = via.Unmap()
	}
	return routes, nil
}

func (n *Network) route(podCIDR netip.Prefix) (*netlink.Route, error) {
	if !podCIDR.IsValid() || !podCIDR.Addr().Is4() {
		return nil, fmt.Errorf("pod range %s: not an IPv4 range", podCIDR)
	}
	bridge, err := n.links.LinkByName(bridgeName)
	if err != nil {
		return nil, fmt.Errorf("find bridge: %w", err)
	}
	return &netlink.Route{
		LinkIndex: bridge.Attrs().Index,
		Dst:       toIPNet(podCIDR),
		Protocol:  routeProtocol,
	}, nil
}
