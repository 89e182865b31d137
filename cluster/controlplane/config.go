package controlplane

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"kubarium/cluster/clock"
	"kubarium/cluster/hold"
	"kubarium/cluster/logs"
	"kubarium/cluster/pki"
	"kubarium/cluster/trace"
)

// Config is what the components of one cluster share.
type Config struct {
	// Dir is the cluster's state directory.
	Dir string
	// Logs has a file for each component.
	Logs *logs.Files
	PKI  *pki.Store

	// Listen opens the API server's listener, anew at each start of it. Its address
	// is one that this process reaches: 127.0.0.1:6443.
	Listen func() (net.Listener, error)
	// Server is the API server's URL for this process: "https://127.0.0.1:6443".
	Server string
	// AdvertiseAddress is where pods and nodes reach the API server, on the port of
	// Listen.
	AdvertiseAddress netip.Addr
	// EgressConfig is the path of the egress selector configuration, by which the
	// API server dials into the cluster's network; without one it dials itself.
	EgressConfig string
	// HangUp, when set, closes the connections that the API server has made that way. It
	// is called when the API server has ended.
	HangUp func()

	ServiceCIDR netip.Prefix
	PodCIDR     netip.Prefix
	ClusterName string

	// EtcdPeers are the ports of the host's loopback by which etcd's members speak to each
	// other, one a member; none is a single member.
	EtcdPeers []int
	// EtcdQuota is how many bytes etcd's file may have; 0 is upstream's default.
	EtcdQuota int64
	// UnsafeNoFsync lets etcd skip fsync: faster, and not durable.
	UnsafeNoFsync bool
	// Fast, when set, tells at each start of a component whether its timers are to be
	// shortened.
	Fast func() bool
	// Hold, when set, may have write requests wait.
	Hold *hold.Manager
	// Trace, when set, takes what the taps in the components see.
	Trace *trace.Store
	// AuditLog, when set, is the path of the API server's own audit log.
	AuditLog string
}

// clockFlags are those of a component's timers.
func (c Config) clockFlags(component string) []string {
	return clock.Flags(component, c.Fast != nil && c.Fast())
}

// etcdSocket is where a member of etcd's listens for clients.
func (c Config) etcdSocket(member int) string {
	if member == 1 {
		return filepath.Join(c.Dir, "run", "etcd.sock")
	}
	return filepath.Join(c.Dir, "run", fmt.Sprintf("etcd-%d.sock", member))
}

// etcdServers is what the API server is told of them.
func (c Config) etcdServers() string {
	var all []string
	for i := range max(1, len(c.EtcdPeers)) {
		all = append(all, "unix://"+c.etcdSocket(i+1))
	}
	return strings.Join(all, ",")
}

// writeKubeconfig keeps a client certificate and writes the component's kubeconfig.
func (c Config) writeKubeconfig(file, user string, groups ...string) (string, error) {
	pair, err := c.PKI.KeepFile(file, func() (pki.KeyPair, error) { return c.PKI.Client(user, groups...) })
	if err != nil {
		return "", err
	}
	data, err := pki.FileKubeconfig(c.ClusterName, user, c.Server, c.PKI.CA.PEM(), pair)
	if err != nil {
		return "", err
	}
	path := c.PKI.Path(file + ".kubeconfig")
	if err := writePrivate(path, data); err != nil {
		return "", fmt.Errorf("write kubeconfig of %s: %w", user, err)
	}
	return path, nil
}
