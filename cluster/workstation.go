package cluster

import (
	"fmt"
	"net/netip"

	"kubarium/cluster/control"
)

// clusterDomain is the DNS domain of the cluster's names.
const clusterDomain = "cluster.local"

// AttachHost plugs a network namespace into the cluster's network, for somebody who
// works there.
func (c *Cluster) AttachHost(namespace string) (control.Host, func() error, error) {
	name := fmt.Sprintf("host-%d", c.hosts.Add(1))
	address, err := c.network.AttachHost(namespace, name)
	if err != nil {
		return control.Host{}, nil, err
	}
	net := c.network.Config()
	host := control.Host{
		Address:     address,
		Nameservers: []netip.Addr{clusterDNS(net.ServiceCIDR), net.Gateway},
		Search:      []string{"default.svc." + clusterDomain, "svc." + clusterDomain, clusterDomain},
		Server:      netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(c.state.Port)).String(),
	}
	return host, func() error { return c.network.DetachHost(name) }, nil
}
