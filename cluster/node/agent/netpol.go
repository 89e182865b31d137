package agent

import (
	"context"
	"fmt"

	"sigs.k8s.io/knftables"

	"kubarium/cluster/node"
	"kubarium/cluster/node/netpol"
)

// networkResults is where containerd keeps the results of network plugins.
const networkResults = "/var/lib/cni/results"

// runNetworkPolicy enforces NetworkPolicies, with an identity of its own: a kubelet may
// not know the pods of other nodes.
func runNetworkPolicy(ctx context.Context, config node.AgentConfig) error {
	if err := waitForAPIServer(ctx, node.PolicyKubeconfig); err != nil {
		return err
	}
	client, err := newClient(node.PolicyKubeconfig)
	if err != nil {
		return err
	}
	nft, err := knftables.New(knftables.IPv4Family, netpol.Table)
	if err != nil {
		return fmt.Errorf("find nft: %w", err)
	}
	return netpol.New(config.Name, client, nft, networkResults).Run(ctx)
}
