package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"kubarium/cluster/node"
)

// firstNodeAddress is the last byte of node-0's address; node-1 has the next.
const firstNodeAddress = 10

// newNodeState describes the node of the given number, as if just installed.
func newNodeState(index int) (nodeState, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nodeState{}, fmt.Errorf("draw machine ID: %w", err)
	}
	return nodeState{Name: nodeName(index), Index: index, MachineID: hex.EncodeToString(id)}, nil
}

func nodeName(index int) string { return fmt.Sprintf("node-%d", index) }

func (c *Cluster) nodeAddress(index int) netip.Addr {
	base := c.network.Config().Subnet.Masked().Addr().As4()
	base[3] = byte(firstNodeAddress + index)
	return netip.AddrFrom4(base)
}

// nodeSpec says what the node's process needs, certificates included: they are
// issued at each start.
func (c *Cluster) nodeSpec(n nodeState) (node.Spec, error) {
	address := c.nodeAddress(n.Index)
	identities, err := c.nodeIdentities(n)
	if err != nil {
		return node.Spec{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return node.Spec{}, fmt.Errorf("find own program: %w", err)
	}
	net := c.network.Config()
	return node.Spec{
		Name: n.Name, DiskBytes: n.Disk, IP: address, Gateway: net.Gateway,
		Dir: c.layout.Node(n.Name), RunDir: c.layout.Run(), LogDir: filepath.Join(c.layout.Logs(), n.Name), BinDir: c.layout.Bin(), Self: self,
		APIServer: fmt.Sprintf("https://%s:%d", net.Router, c.state.Port), CA: c.pki.CA.PEM(),
		Identities: identities, CertificateReload: c.pki.ReloadInterval(),
		ClusterDNS: clusterDNS(net.ServiceCIDR), ClusterDomain: clusterDomain,
		ServiceCIDR: net.ServiceCIDR, PodCIDR: net.PodCIDR,
		Registry: c.registryAddress(),
		Reserved: reservedFor(n.Index), MachineID: n.MachineID,
		CgroupParent: c.layout.cgroup() + "/" + n.Name,
		Tap:          !c.options.NoTrace,
		Timers:       c.nodeTimers(),
	}, nil
}

func clusterDNS(services netip.Prefix) netip.Addr {
	base := services.Masked().Addr().As4()
	base[3] = 10
	return netip.AddrFrom4(base)
}
