package agent

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"kubarium/cluster/node"
)

// rememberedCIDR keeps the node's pod range over a reboot, on the node's disk.
const rememberedCIDR = "/var/lib/kubarium/pod-cidr"

// configurePodNetwork writes the CNI configuration as soon as the node IPAM controller
// has given the node its range of pod addresses. Until then the node is not Ready. The
// range never changes in the life of a Node object.
func configurePodNetwork(ctx context.Context, config node.AgentConfig) {
	log := klog.FromContext(ctx)
	if data, err := os.ReadFile(rememberedCIDR); err == nil {
		if err := applyPodCIDR(ctx, config, string(data)); err != nil {
			log.Error(err, "Pod network not configured with the remembered range")
		}
	}
	podCIDR, err := awaitPodCIDR(ctx, config.Name)
	if err == nil {
		err = applyPodCIDR(ctx, config, podCIDR)
	}
	if err != nil {
		log.Error(err, "Pod network not configured")
	}
}

// awaitPodCIDR waits for the node's range, with the kubelet's right to watch its Node.
func awaitPodCIDR(ctx context.Context, name string) (string, error) {
	client, err := newClient(node.KubeletKubeconfig)
	if err != nil {
		return "", err
	}
	object, err := awaitNode(ctx, client, name, func(n *corev1.Node) bool { return n.Spec.PodCIDR != "" })
	if err != nil {
		return "", fmt.Errorf("wait for pod range: %w", err)
	}
	return object.Spec.PodCIDR, nil
}

// applyPodCIDR writes the CNI configuration for a range, unless it is there.
func applyPodCIDR(ctx context.Context, config node.AgentConfig, text string) error {
	podCIDR, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("parse pod range: %w", err)
	}
	path := filepath.Join(node.CNIConfDir, "10-kubarium.conflist")
	conflist := cniConfig(podCIDR)
	if current, err := os.ReadFile(path); err == nil && string(current) == conflist {
		return nil
	}
	if err := setRules(ctx, config.PodCIDR, config.ServiceCIDR); err != nil {
		return err
	}
	if err := writeWhole(rememberedCIDR, text); err != nil {
		return err
	}
	return writeWhole(path, conflist)
}

// cniConfig is the plugin chain of a node: a routed veth pair a pod, addresses kept
// under /run since no pod outlives a reboot, and host ports. A pod refuses every datagram
// to a closed port, not only some each second: who asks for a name before CoreDNS
// listens is to hear that at once, not to wait for an answer.
func cniConfig(podCIDR netip.Prefix) string {
	return fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "kubarium",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "mtu": 1500,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam",
        "ranges": [[{"subnet": %q}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {
      "type": "tuning",
      "sysctl": {"net.ipv4.icmp_ratelimit": "0"}
    },
    {
      "type": "portmap",
      "backend": "nftables",
      "snat": true,
      "capabilities": {"portMappings": true}
    }
  ]
}
`, podCIDR)
}

// writeWhole replaces a file as a whole. The new one has to come from the same directory:
// containerd looks again when a file there is renamed, not when one is moved in.
func writeWhole(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(content), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
