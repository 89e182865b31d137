package netpol

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"

	"sigs.k8s.io/knftables"
)

// Table holds all that policies need; it is absent while there are none.
const Table = "kubarium-policy"

// maxName is the longest name that nft takes.
const maxName = 120

// write replaces the whole table in one transaction: a packet meets the rules from
// before, or those from now.
func write(nft knftables.Interface, rules ruleset) *knftables.Transaction {
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	if len(rules.policies) == 0 {
		return tx
	}
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("what NetworkPolicies allow the pods of this node")})
	for i, p := range rules.policies {
		writePolicy(tx, i, p)
	}
	// Each direction has a chain of its own at the hook: what one accepts, the other has
	// still to judge, as it must for a connection between two pods of the same node.
	writeDirection(tx, egress, "-6", "ip saddr", rules.isolated[egress])
	writeDirection(tx, ingress, "-5", "ip daddr", rules.isolated[ingress])
	return tx
}

// writeDirection sends new connections of isolated pods through the pods' policies. What
// comes from the node itself (a kubelet's probes) does not pass here.
func writeDirection(tx *knftables.Transaction, d direction, priority, field string, isolated []isolation) {
	base, pods, self := string(d), "pods-"+string(d), "self-"+string(d)
	tx.Add(&knftables.Map{Name: pods, Type: "ipv4_addr : verdict"})
	tx.Add(&knftables.Set{Name: self, Type: "ipv4_addr . ipv4_addr", Comment: knftables.PtrTo("a pod may always reach itself")})
	for _, i := range isolated {
		name := chainName(d, "pod", i.pod.namespace+"/"+i.pod.name)
		tx.Add(&knftables.Chain{Name: name})
		for _, p := range i.policies {
			tx.Add(&knftables.Rule{Chain: name, Rule: "jump " + chainName(d, "policy", p)})
		}
		tx.Add(&knftables.Rule{Chain: name, Rule: "drop"})
		ip := i.pod.ip.String()
		tx.Add(&knftables.Element{Map: pods, Key: []string{ip}, Value: []string{"goto " + name}})
		tx.Add(&knftables.Element{Set: self, Key: []string{ip, ip}})
	}
	tx.Add(&knftables.Chain{
		Name: base, Type: knftables.PtrTo(knftables.FilterType), Hook: knftables.PtrTo(knftables.ForwardHook),
		Priority: knftables.PtrTo(knftables.FilterPriority + knftables.BaseChainPriority(priority)),
	})
	// What the node does not track was looked at before: it comes a second time, from a
	// fault that delayed it.
	tx.Add(&knftables.Rule{Chain: base, Rule: "ct state established,related,untracked accept"})
	tx.Add(&knftables.Rule{Chain: base, Rule: "ip saddr . ip daddr @" + self + " accept"})
	tx.Add(&knftables.Rule{Chain: base, Rule: field + " vmap @" + pods})
}

// writePolicy accepts what the policy allows, and returns for all else: another policy
// of the pod may allow it.
func writePolicy(tx *knftables.Transaction, index int, p policy) {
	chain := chainName(p.direction, "policy", p.name)
	tx.Add(&knftables.Chain{Name: chain})
	peer := "ip saddr"
	if p.direction == egress {
		peer = "ip daddr"
	}
	for i, a := range p.allows {
		id := fmt.Sprintf("%d-%d", index, i)
		for _, from := range peerMatches(tx, id, peer, a) {
			for _, to := range portMatches(tx, id, a) {
				tx.Add(&knftables.Rule{Chain: chain, Rule: strings.Join(strings.Fields(from+" "+to+" accept"), " ")})
			}
		}
	}
}

func peerMatches(tx *knftables.Transaction, id, field string, a allow) []string {
	if a.anyPeer {
		return []string{""}
	}
	var matches []string
	if len(a.addresses) > 0 {
		set := "peers-" + id
		tx.Add(&knftables.Set{Name: set, Type: "ipv4_addr"})
		for _, ip := range a.addresses {
			tx.Add(&knftables.Element{Set: set, Key: []string{ip.String()}})
		}
		matches = append(matches, field+" @"+set)
	}
	for _, b := range a.blocks {
		match := field + " " + b.cidr.String()
		if len(b.except) > 0 {
			match += " " + field + " != { " + join(b.except) + " }"
		}
		matches = append(matches, match)
	}
	return matches
}

func join(list []netip.Prefix) string {
	names := make([]string, 0, len(list))
	for _, p := range list {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

func portMatches(tx *knftables.Transaction, id string, a allow) []string {
	if a.anyPort {
		return []string{""}
	}
	var matches []string
	for _, p := range a.ports {
		switch p.first {
		case 0:
			matches = append(matches, "meta l4proto "+p.protocol)
		case p.last:
			matches = append(matches, fmt.Sprintf("%s dport %d", p.protocol, p.first))
		default:
			matches = append(matches, fmt.Sprintf("%s dport %d-%d", p.protocol, p.first, p.last))
		}
	}
	if len(a.named) > 0 {
		set := "ports-" + id
		tx.Add(&knftables.Set{Name: set, Type: "ipv4_addr . inet_proto . inet_service"})
		for _, p := range a.named {
			tx.Add(&knftables.Element{Set: set, Key: []string{p.ip.String(), p.protocol, fmt.Sprint(p.number)}})
		}
		matches = append(matches, "ip daddr . meta l4proto . th dport @"+set)
	}
	return matches
}

// chainName is one that tells what the chain is for, as long as nft takes it.
func chainName(d direction, kind, name string) string {
	full := string(d) + "-" + kind + "/" + name
	if len(full) <= maxName {
		return full
	}
	return fmt.Sprintf("%s-%x", full[:maxName-17], sha256.Sum256([]byte(full)))[:maxName]
}
