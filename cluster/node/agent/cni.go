package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"kubarium/cluster/node"
)

// rememberedCIDR keeps the node's pod range over a reboot, on the node's disk.
const rememberedCIDR = "/var/lib/kubarium/pod-cidr"

// followPodCIDR writes the CNI configuration as soon as the node IPAM controller has
// given the node its range of pod addresses. Until then the node is not Ready.
func followPodCIDR(ctx context.Context, config node.AgentConfig) {
	log := klog.FromContext(ctx)
	if data, err := os.ReadFile(rememberedCIDR); err == nil {
		if err := applyPodCIDR(ctx, config, string(data)); err != nil {
			log.Error(err, "apply remembered pod range")
		}
	}
	client, err := newClient(node.KubeletKubeconfig)
	if err != nil {
		log.Error(err, "follow pod range")
		return
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("metadata.name", config.Name).String()
	}))
	apply := func(object any) {
		n, ok := object.(*corev1.Node)
		if !ok || n.Spec.PodCIDR == "" {
			return
		}
		if err := applyPodCIDR(ctx, config, n.Spec.PodCIDR); err != nil {
			log.Error(err, "apply pod range", "range", n.Spec.PodCIDR)
		}
	}
	_, err = factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    apply,
		UpdateFunc: func(_, object any) { apply(object) },
	})
	if err != nil {
		log.Error(err, "follow pod range")
		return
	}
	factory.Start(ctx.Done())
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
	if err := masquerade(ctx, config.PodCIDR); err != nil {
		return err
	}
	if err := writeWhole(rememberedCIDR, text); err != nil {
		return err
	}
	return writeWhole(path, conflist)
}

// cniConfig is the plugin chain of a node: a routed veth pair a pod, addresses kept
// under /run since no pod outlives a reboot, and host ports.
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
      "type": "portmap",
      "backend": "nftables",
      "snat": true,
      "capabilities": {"portMappings": true}
    }
  ]
}
`, podCIDR)
}

// writeWhole replaces a file as a whole: containerd reads it as soon as it appears.
func writeWhole(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
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
