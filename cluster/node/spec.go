// Package node runs a node: a small machine made of namespaces, with containerd,
// kubelet and kube-proxy in it. DESIGN.md tells how it is made. What runs inside is
// in package agent, apart, since that links half of Kubernetes.
package node

import (
	"net/netip"
	"path"
	"path/filepath"
	"time"

	"kubarium/cluster/node/nodeinit"
	"kubarium/cluster/pki"
)

// Resources is an amount of what pods request.
type Resources struct {
	MilliCPU    int64 `json:"milliCPU"`
	MemoryBytes int64 `json:"memoryBytes"`
}

// Timers of the kubelet decide how soon the cluster learns that a node changed, or is
// gone; zero is the default.
type Timers struct {
	// StatusUpdate is how often the kubelet looks whether its node's status changed.
	StatusUpdate time.Duration `json:"statusUpdate,omitempty"`
	// Lease is how long the node's lease lasts; it is renewed four times as often.
	Lease time.Duration `json:"lease,omitempty"`
	// Backoff is the longest wait before a container that crashes is started again.
	Backoff time.Duration `json:"backoff,omitempty"`
}

// Spec is everything a node is made from.
type Spec struct {
	Name        string
	IP, Gateway netip.Addr
	// Dir is the node's disk; RunDir and LogDir may be emptied between runs.
	Dir, RunDir, LogDir string
	// DiskBytes is how large a disk of its own the node has; 0 is a directory of the host's.
	DiskBytes int64
	// BinDir holds the helper programs, Self is the program that holds the agent.
	BinDir, Self string
	// APIServer is the URL under which the node reaches the API server.
	APIServer string
	CA        []byte
	// Identities are its certificates.
	Identities Identities
	// CertificateReload is how often clients look for new ones; zero is client-go's default.
	CertificateReload time.Duration

	ClusterDNS           netip.Addr
	ClusterDomain        string
	ServiceCIDR, PodCIDR netip.Prefix
	// Registry is host:port of the cluster's image registry.
	Registry string
	// Reserved is kept back from what the machine has.
	Reserved Resources
	// Zone is the node's topology.kubernetes.io/zone; "" is none.
	Zone string
	// Timers of the kubelet.
	Timers Timers
	// Tap is whether what the kubelet does is told at TapSocket.
	Tap bool
	// OnEvent is told what happens in the node, in order; nil is nobody. It must not
	// wait for the node.
	OnEvent func(nodeinit.Event)
	// MachineID is 32 hexadecimal digits.
	MachineID string
	// CgroupParent is the node's cgroup: "kubarium/NAME/node-1".
	CgroupParent string
}

// Identities are the certificates of a node's daemons.
type Identities struct {
	// Kubelet and Proxy are those by which the kubelet and kube-proxy call the API server,
	// and Serving the one that the kubelet serves with.
	Kubelet, Serving, Proxy pki.KeyPair
	// Policy is the one of what enforces NetworkPolicies; if it is empty, nothing does.
	Policy pki.KeyPair
}

// files are where the daemons read them, each certificate with its key.
func (i Identities) files() map[string][]byte {
	files := map[string][]byte{
		KubeletCertPath: i.Kubelet.PEM(), ServingCertPath: i.Serving.PEM(), ProxyCertPath: i.Proxy.PEM(),
	}
	if i.Policy.Cert != nil {
		files[PolicyCertPath] = i.Policy.PEM()
	}
	return files
}

// Where things are inside a node. The agent uses the same constants.
const (
	// OptDir holds the helper programs, and AgentPath the agent.
	OptDir    = "/opt/kubarium/bin"
	AgentPath = "/opt/kubarium/kubarium"
	// CNIBinDir is where network add-ons install plugins of theirs.
	CNIBinDir = "/opt/cni/bin"
	// AgentConfigPath is the agent's configuration, see AgentConfig.
	AgentConfigPath = "/etc/kubarium/agent.json"
	// LogDir takes the logs of the node's processes.
	LogDir = "/var/log/kubarium"

	ContainerdConfigPath = "/etc/containerd/config.toml"
	ContainerdSocket     = "/run/containerd/containerd.sock"
	registryConfigDir    = "/etc/containerd/certs.d"

	KubeletKubeconfig = "/etc/kubernetes/kubelet.conf"
	// KubeletConfigPath is the kubelet's KubeletConfiguration. It is written when the
	// machine's first kubelet starts; each one reads it.
	KubeletConfigPath = "/etc/kubernetes/kubelet.yaml"
	ProxyKubeconfig   = "/etc/kubernetes/kube-proxy.conf"
	PolicyKubeconfig  = "/etc/kubernetes/network-policy.conf"
	CAPath            = "/etc/kubernetes/pki/ca.crt"
	// Each of these holds a certificate and its key.
	KubeletCertPath = "/etc/kubernetes/pki/kubelet-client.pem"
	ServingCertPath = "/etc/kubernetes/pki/kubelet-server.pem"
	ProxyCertPath   = "/etc/kubernetes/pki/kube-proxy.pem"
	PolicyCertPath  = "/etc/kubernetes/pki/network-policy.pem"
	StaticPodDir    = "/etc/kubernetes/manifests"

	CNIConfDir = "/etc/cni/net.d"

	// TapSocket is where the agent tells what the kubelet does, see package tap.
	TapSocket = "/run/kubarium-tap.sock"
)

// AgentName is what the agent is called: the program looks at its own name to know
// that it is to be one.
const AgentName = "kubarium-agent"

// Roles of the agent: the node's daemons.
const (
	RoleContainerd = "containerd"
	RoleKubelet    = "kubelet"
	RoleKubeProxy  = "kube-proxy"
	// RoleNetworkPolicy enforces NetworkPolicies.
	RoleNetworkPolicy = "network-policy"
)

// AgentConfig is what the agent needs to know of its node.
type AgentConfig struct {
	Name          string       `json:"name"`
	IP            netip.Addr   `json:"ip"`
	APIServer     string       `json:"apiServer"`
	ClusterDNS    netip.Addr   `json:"clusterDNS"`
	ClusterDomain string       `json:"clusterDomain"`
	PodCIDR       netip.Prefix `json:"podCIDR"`
	ServiceCIDR   netip.Prefix `json:"serviceCIDR"`
	Reserved      Resources    `json:"reserved"`
	Zone          string       `json:"zone,omitempty"`
	Timers        Timers       `json:"timers"`
	Tap           bool         `json:"tap,omitempty"`
	// CertificateReload is how often to look for new client certificates.
	CertificateReload time.Duration `json:"certificateReload,omitempty"`
}

// VarDir returns where a node with the disk dir has its /var.
func VarDir(dir string) string { return filepath.Join(dir, "var") }

func (s Spec) image() string         { return filepath.Join(s.Dir, "disk.img") }
func (s Spec) varDir() string        { return VarDir(s.Dir) }
func (s Spec) rootDir() string       { return filepath.Join(s.RunDir, s.Name+".root") }
func (s Spec) initLog() string       { return filepath.Join(s.LogDir, "init.log") }
func agentLog(process string) string { return path.Join(LogDir, process+".err.log") }
