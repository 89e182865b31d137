package agent

import (
	"context"
	"fmt"
	"net/netip"

	"sigs.k8s.io/knftables"
)

// masquerade gives pod traffic that leaves the cluster the node's address: beyond the
// gateway nobody knows the pods'.
func masquerade(ctx context.Context, pods netip.Prefix) error {
	nft, err := knftables.New(knftables.IPv4Family, "kubarium")
	if err != nil {
		return fmt.Errorf("find nft: %w", err)
	}
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("pod traffic that leaves the cluster")})
	tx.Flush(&knftables.Table{})
	tx.Add(&knftables.Chain{
		Name: "postrouting", Type: knftables.PtrTo(knftables.NATType),
		Hook: knftables.PtrTo(knftables.PostroutingHook), Priority: knftables.PtrTo(knftables.SNATPriority),
	})
	tx.Add(&knftables.Rule{Chain: "postrouting", Rule: knftables.Concat(
		"ip saddr", pods, "ip daddr !=", pods, "oifname eth0", "masquerade")})
	if err := nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("masquerade pod traffic: %w", err)
	}
	return nil
}
