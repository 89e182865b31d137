package node

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	"kubarium/cluster/node/nodeinit"
	"kubarium/cluster/pki"
)

// files returns all that is written into the node's own root file system.
func (s Spec) files(snapshotter string, restrictOOM bool) ([]nodeinit.File, error) {
	kubelet, err := s.KubeletKubeconfig()
	if err != nil {
		return nil, err
	}
	proxy, err := pki.FileKubeconfig("kubarium", "kube-proxy", s.APIServer, s.CA, ProxyCertPath)
	if err != nil {
		return nil, err
	}
	policy, err := pki.FileKubeconfig("kubarium", "network-policy", s.APIServer, s.CA, PolicyCertPath)
	if err != nil {
		return nil, err
	}
	agent, err := json.MarshalIndent(AgentConfig{
		Name: s.Name, IP: s.IP, APIServer: s.APIServer,
		ClusterDNS: s.ClusterDNS, ClusterDomain: s.ClusterDomain,
		PodCIDR: s.PodCIDR, ServiceCIDR: s.ServiceCIDR,
		Reserved: s.Reserved, Zone: s.Zone, Timers: s.Timers, Tap: s.Tap,
		CertificateReload: s.CertificateReload,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode agent configuration: %w", err)
	}
	containerd, err := ContainerdConfig(snapshotter, restrictOOM)
	if err != nil {
		return nil, err
	}
	public := func(path, content string) nodeinit.File {
		return nodeinit.File{Path: path, Content: []byte(content), Mode: 0o644}
	}
	private := func(path string, content []byte) nodeinit.File {
		return nodeinit.File{Path: path, Content: content, Mode: 0o600}
	}
	files := []nodeinit.File{
		public("/etc/hosts", hosts(s.Name, s.IP)),
		public("/etc/resolv.conf", "nameserver "+s.Gateway.String()+"\n"),
		public("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
		public("/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
		public("/etc/os-release", "NAME=\"Kubarium node\"\nID=kubarium\nPRETTY_NAME=\"Kubarium node (namespaces of this machine)\"\n"),
		public(ContainerdConfigPath, containerd),
		public(registryConfigDir+"/_default/hosts.toml", RegistryHosts(s.Registry)),
		private(AgentConfigPath, agent),
		private(KubeletKubeconfig, kubelet),
		private(ProxyKubeconfig, proxy),
		public(CAPath, string(s.CA)),
		public(StaticPodDir+"/.keep", "Pod manifests put here are run by the kubelet itself: static pods.\n"),
		public(CNIConfDir+"/.keep", "The network configuration is written once the node has a range of pod addresses.\n"),
		public(CNIBinDir+"/.keep", "Network add-ons install their plugins here; kubarium's own are in "+OptDir+".\n"),
	}
	for path, certificate := range s.Identities.files() {
		files = append(files, private(path, certificate))
	}
	if s.Identities.Policy.Cert != nil {
		files = append(files, private(PolicyKubeconfig, policy))
	}
	return files, nil
}

// KubeletKubeconfig is what the kubelet reaches the API server with.
func (s Spec) KubeletKubeconfig() ([]byte, error) {
	return pki.FileKubeconfig("kubarium", "kubelet", s.APIServer, s.CA, KubeletCertPath)
}

func hosts(name string, ip netip.Addr) string {
	return fmt.Sprintf("127.0.0.1 localhost\n%s %s\n", ip, name)
}

// RegistryHosts sends every pull to the cluster's registry first, then to the registry that
// the image names.
func RegistryHosts(registry string) string {
	return fmt.Sprintf("[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", registry)
}

// containerdTemplate is in format 4, the one of containerd 2.3 and later. Plugins that
// a node has no use for are off: they cost memory in each node.
const containerdTemplate = `version = 4
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.monitor.container.v1.restart",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.differ.v1.erofs",
  "io.containerd.mount-handler.v1.erofs",
]

[plugins."io.containerd.server.v1.grpc"]
  address = "{{.Socket}}"

[plugins."io.containerd.cri.v1.images"]
  # Nobody looks at these figures, and the default would walk all snapshots each 10 s.
  stats_collect_period = 120
  snapshotter = "{{.Snapshotter}}"
  discard_unpacked_layers = true
  use_local_image_pull = true

[plugins."io.containerd.cri.v1.images".registry]
  config_path = "{{.Registries}}"

[plugins."io.containerd.cri.v1.runtime"]
  # The kubelet has its figures from cgroups; the default asks every shim each second.
  stats_collect_period = "60s"
  restrict_oom_score_adj = {{.RestrictOOM}}
  # Any container may ping and listen on low ports, as on other distributions.
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{{.Bin}}", "{{.CNIBin}}"]
  conf_dir = "{{.CNI}}"
  use_internal_loopback = true

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "{{.Bin}}/containerd-shim-runc-v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "{{.Bin}}/runc"
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
`

// ContainerdConfig is the configuration of the node's containerd.
func ContainerdConfig(snapshotter string, restrictOOM bool) (string, error) {
	parsed, err := template.New("containerd").Parse(containerdTemplate)
	if err != nil {
		return "", fmt.Errorf("parse containerd configuration: %w", err)
	}
	var out strings.Builder
	err = parsed.Execute(&out, map[string]any{
		"Socket": ContainerdSocket, "Snapshotter": snapshotter, "Registries": registryConfigDir,
		"RestrictOOM": restrictOOM, "Bin": OptDir, "CNIBin": CNIBinDir, "CNI": CNIConfDir,
	})
	if err != nil {
		return "", fmt.Errorf("write containerd configuration: %w", err)
	}
	return out.String(), nil
}
