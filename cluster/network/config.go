package network

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"kubarium/cluster/network/tun"
)

// Config says which addresses the lab network uses.
type Config struct {
	// Subnet holds the router, the gateway and the nodes.
	Subnet netip.Prefix
	// Router is the bridge's own address: the way to other nodes' pods, and
	// where the API server and the registry listen.
	Router netip.Addr
	// Gateway is the way out, and the DNS server of the nodes.
	Gateway netip.Addr
	// PodCIDR holds the pods of all nodes.
	PodCIDR netip.Prefix
	// ServiceCIDR holds the cluster IPs. Nodes translate these; whatever of
	// them still reaches the gateway belongs to no service and is refused.
	ServiceCIDR netip.Prefix
	// LoadBalancerCIDR holds the addresses of LoadBalancer services, which the
	// nodes translate as well.
	LoadBalancerCIDR netip.Prefix
	// ResolvConf is where the gateway finds the host's name servers.
	ResolvConf string
	// MaxConnections bounds the TCP connections through the gateway.
	MaxConnections int
	// TunDevice is the kernel's device for making tap devices.
	TunDevice string
	// Log takes what goes wrong behind the caller's back; nil drops it.
	Log *slog.Logger
}

// Default is the network every cluster has unless it is told otherwise. Since
// it lives in a namespace of its own, two clusters may both have it.
func Default() Config {
	return Config{
		Subnet:           netip.MustParsePrefix("10.89.0.0/24"),
		Router:           netip.MustParseAddr("10.89.0.1"),
		Gateway:          netip.MustParseAddr("10.89.0.2"),
		PodCIDR:          netip.MustParsePrefix("10.244.0.0/16"),
		ServiceCIDR:      netip.MustParsePrefix("10.96.0.0/16"),
		LoadBalancerCIDR: netip.MustParsePrefix("10.89.1.0/27"),
		ResolvConf:       "/etc/resolv.conf",
		MaxConnections:   4096,
		TunDevice:        tun.Device,
	}
}

func (c Config) check() error {
	for _, p := range []struct {
		name   string
		prefix netip.Prefix
	}{{"subnet", c.Subnet}, {"pod range", c.PodCIDR}, {"service range", c.ServiceCIDR}, {"load balancers' range", c.LoadBalancerCIDR}} {
		if !p.prefix.IsValid() || !p.prefix.Addr().Is4() {
			return fmt.Errorf("%s %q: not an IPv4 range", p.name, p.prefix)
		}
	}
	if c.Router == c.Gateway {
		return fmt.Errorf("router and gateway are both %s", c.Router)
	}
	if c.MaxConnections < 1 {
		return fmt.Errorf("%d connections through the gateway: not at least one", c.MaxConnections)
	}
	for _, a := range []netip.Addr{c.Router, c.Gateway} {
		if !c.Subnet.Contains(a) {
			return fmt.Errorf("address %s: not in %s", a, c.Subnet)
		}
	}
	return nil
}

// inside are the ranges that are the cluster's own.
func (c Config) inside() []netip.Prefix {
	return []netip.Prefix{c.Subnet, c.PodCIDR, c.ServiceCIDR, c.LoadBalancerCIDR}
}

// hardwareAddr derives a MAC from an address of the subnet. A node that comes
// back with its address so has its MAC as well, and no neighbour's cache is
// wrong about it.
func hardwareAddr(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{0x0a, 0x58, b[0], b[1], b[2], b[3]}
}

func (c Config) ipNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(c.Subnet.Bits(), 32)}
}

func toIPNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
