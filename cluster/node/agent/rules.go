package agent

import (
	"context"
	"fmt"
	"net/netip"

	"sigs.k8s.io/knftables"
)

// setRules makes the node's own packet rules, beside kube-proxy's.
func setRules(ctx context.Context, pods, services netip.Prefix) error {
	nft, err := knftables.New(knftables.IPv4Family, "kubarium")
	if err != nil {
		return fmt.Errorf("find nft: %w", err)
	}
	if err := nft.Run(ctx, rules(nft, pods, services)); err != nil {
		return fmt.Errorf("set packet rules: %w", err)
	}
	return nil
}

func rules(nft knftables.Interface, pods, services netip.Prefix) *knftables.Transaction {
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("pods' traffic to the outside, and to services that are not there")})
	tx.Flush(&knftables.Table{})
	tx.Add(&knftables.Chain{
		Name: "postrouting", Type: knftables.PtrTo(knftables.NATType),
		Hook: knftables.PtrTo(knftables.PostroutingHook), Priority: knftables.PtrTo(knftables.SNATPriority),
	})
	// Beyond the gateway nobody knows the pods' addresses.
	tx.Add(&knftables.Rule{Chain: "postrouting", Rule: knftables.Concat(
		"ip saddr", pods, "ip daddr !=", pods, "oifname eth0", "masquerade")})
	tx.Add(&knftables.Chain{
		Name: "forward", Type: knftables.PtrTo(knftables.FilterType),
		Hook: knftables.PtrTo(knftables.ForwardHook), Priority: knftables.PtrTo(knftables.FilterPriority + "-10"),
	})
	// What still goes to a service here belongs to none that kube-proxy knows. It would
	// drop that, and who asks for a name before CoreDNS is there would wait for seconds.
	tx.Add(&knftables.Rule{Chain: "forward", Rule: knftables.Concat(
		"ip daddr", services, "ct state new", "reject")})
	return tx
}
