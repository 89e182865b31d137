package network

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Ranges are the addresses of a cluster's network. A cluster keeps those that it began with:
// they are in its certificates and objects.
type Ranges struct {
	// Nodes holds the router, the gateway and the nodes, LoadBalancers the addresses of
	// LoadBalancer services: the first half of one range, and a part of the second.
	Nodes         netip.Prefix `json:"nodes"`
	LoadBalancers netip.Prefix `json:"loadBalancers"`
	Pods          netip.Prefix `json:"pods"`
	Services      netip.Prefix `json:"services"`
}

// candidates are what Choose has to choose from, the usual ones first. No two overlap.
var candidates = struct{ nodes, pods, services []string }{
	nodes:    []string{"10.89.0.0/23", "10.90.0.0/23", "10.91.0.0/23", "172.31.0.0/23", "172.30.0.0/23", "192.168.240.0/23", "100.96.0.0/23"},
	pods:     []string{"10.244.0.0/16", "10.243.0.0/16", "10.242.0.0/16", "172.29.0.0/16", "172.28.0.0/16", "100.97.0.0/16", "100.98.0.0/16"},
	services: []string{"10.96.0.0/16", "10.97.0.0/16", "10.98.0.0/16", "172.27.0.0/16", "172.26.0.0/16", "100.99.0.0/16", "100.100.0.0/16"},
}

// Choose returns ranges that overlap with none that is taken. Where all do, the usual one is
// used: the network has a namespace of its own, so that a cluster runs all the same, and
// only the machines at these addresses can't be reached from its pods.
func Choose(taken []netip.Prefix) Ranges {
	nodes := free(candidates.nodes, taken)
	half := netip.PrefixFrom(nodes.Addr(), 24)
	second := nodes.Addr().As4()
	second[2]++
	return Ranges{
		Nodes: half, LoadBalancers: netip.PrefixFrom(netip.AddrFrom4(second), 27),
		Pods: free(candidates.pods, taken), Services: free(candidates.services, taken),
	}
}

func free(from []string, taken []netip.Prefix) netip.Prefix {
	for _, text := range from {
		if p := netip.MustParsePrefix(text); len(overlapping(p, taken)) == 0 {
			return p
		}
	}
	return netip.MustParsePrefix(from[0])
}

func overlapping(p netip.Prefix, taken []netip.Prefix) []netip.Prefix {
	var found []netip.Prefix
	for _, t := range taken {
		if p.Overlaps(t) {
			found = append(found, t)
		}
	}
	return found
}

// Check refuses what is no cluster's: the ranges are read from a file.
func (r Ranges) Check() error {
	if r.Nodes.IsValid() && (r.Nodes.Bits() != 24 || r.Nodes != r.Nodes.Masked()) {
		return fmt.Errorf("nodes' range %s: it has no place for router, gateway and all nodes", r.Nodes)
	}
	return r.Config().check()
}

// Overlap returns what of taken overlaps with the ranges.
func (r Ranges) Overlap(taken []netip.Prefix) []netip.Prefix {
	var found []netip.Prefix
	for _, t := range taken {
		if len(overlapping(t, []netip.Prefix{r.Nodes, r.LoadBalancers, r.Pods, r.Services})) > 0 {
			found = append(found, t)
		}
	}
	return found
}

// Config is a network with the ranges, and the defaults for the rest.
func (r Ranges) Config() Config {
	c := Default()
	if !r.Nodes.IsValid() || !r.Nodes.Addr().Is4() {
		c.Subnet = r.Nodes
		return c
	}
	c.Subnet, c.LoadBalancerCIDR, c.PodCIDR, c.ServiceCIDR = r.Nodes, r.LoadBalancers, r.Pods, r.Services
	c.Router = r.Nodes.Masked().Addr().Next()
	c.Gateway = c.Router.Next()
	return c
}

// Taken returns the ranges that this machine has routes to, of all its tables: networks
// that it is in, containers', VPNs'. Default routes are none, and neither are the halves
// of everything that some VPNs use in place of one.
func Taken() ([]netip.Prefix, error) {
	routes, err := netlink.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list this machine's routes: %w", err)
	}
	var taken []netip.Prefix
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		addr, ok := netip.AddrFromSlice(r.Dst.IP)
		bits, _ := r.Dst.Mask.Size()
		if ok && bits > 1 && !addr.Unmap().IsLoopback() {
			taken = append(taken, netip.PrefixFrom(addr.Unmap(), bits))
		}
	}
	return taken, nil
}
