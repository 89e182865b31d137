package agent

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/cmd/kube-proxy/app"

	"kubarium/cluster/node"
)

func runKubeProxy(ctx context.Context, config node.AgentConfig) error {
	if err := waitForAPIServer(ctx, node.ProxyKubeconfig); err != nil {
		return err
	}
	// kube-proxy looks for the addresses of its node once, and then every second.
	client, err := newClient(node.ProxyKubeconfig)
	if err != nil {
		return err
	}
	addressed := func(n *corev1.Node) bool { return len(n.Status.Addresses) > 0 }
	if _, err := awaitNode(ctx, client, config.Name, addressed); err != nil {
		return fmt.Errorf("wait for node: %w", err)
	}
	options, err := kubeProxyOptions(config)
	if err != nil {
		return err
	}
	return options.Run(ctx)
}

func kubeProxyOptions(config node.AgentConfig) (*app.Options, error) {
	options := app.NewOptions()
	flags := pflag.NewFlagSet(node.RoleKubeProxy, pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(kubeProxyFlags(config)); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if err := options.Complete(flags); err != nil {
		return nil, fmt.Errorf("complete options: %w", err)
	}
	if err := options.Validate(); err != nil {
		return nil, fmt.Errorf("validate options: %w", err)
	}
	return options, nil
}

func kubeProxyFlags(config node.AgentConfig) []string {
	return []string{
		"--kubeconfig=" + node.ProxyKubeconfig,
		"--hostname-override=" + config.Name,
		"--bind-address=" + config.IP.String(),
		"--cluster-cidr=" + config.PodCIDR.String(),
		"--proxy-mode=nftables",
		// Rules follow an endpoint at once; upstream's second is for thousands of them.
		"--iptables-min-sync-period=50ms",
		// Connection tracking is sized for the whole machine, not by one of its nodes.
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
	}
}
