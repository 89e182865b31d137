package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"kubarium/cluster/network/gateway"
	"kubarium/cluster/network/relay"
)

// dialAsNode dials what a node reaches: what is the cluster's own in the lab, and
// others from the host's namespace, if the gateway does so for nodes. Whatever else
// there is, such as loopback, is the lab's. Names are looked up as nodes do it, by
// the host's name servers.
func (n *Network) dialAsNode(ctx context.Context, network, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial as a node: %w", err)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, fmt.Errorf("dial as a node: %w", err)
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return nil, fmt.Errorf("dial as a node: %w", err)
	}
	c, _, err := relay.Race(ctx, found, func(ctx context.Context, a netip.Addr) (net.Conn, error) {
		target := netip.AddrPortFrom(a.Unmap(), uint16(port))
		if gateway.Outside(target.Addr(), n.config.inside()) {
			return (&net.Dialer{}).DialContext(ctx, network, target.String())
		}
		return n.DialContext(ctx, network, target.String())
	})
	return c, err
}
