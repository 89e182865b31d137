package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// direction is that of a connection, as its pod sees it.
type direction string

const (
	ingress direction = "ingress"
	egress  direction = "egress"
)

// view is what the API server says, as far as policies go.
type view struct {
	node       string
	pods       []pod
	namespaces map[string]labels.Set
	policies   []*networkingv1.NetworkPolicy
}

// pod is a pod with an address of its own.
type pod struct {
	namespace, name, node string
	labels                labels.Set
	ip                    netip.Addr
	ports                 []corev1.ContainerPort
}

// ruleset is what a node has to enforce.
type ruleset struct {
	// isolated are the node's pods that a policy of the direction selects, with the
	// policies.
	isolated map[direction][]isolation
	policies []policy
}

// isolation lets through what one of the policies allows, and nothing else.
type isolation struct {
	pod      pod
	policies []string
}

// policy allows connections in one direction.
type policy struct {
	name      string
	direction direction
	allows    []allow
}

// allow is one rule: a connection is allowed if one of the peers and one of the ports
// match. The other side is the peer.
type allow struct {
	// anyPeer matches every peer; else those at the addresses and in the blocks.
	anyPeer   bool
	addresses []netip.Addr
	blocks    []block
	// anyPort matches every port of every protocol.
	anyPort bool
	ports   []portRange
	// named are the ports that have another number in each pod.
	named []podPort
}

type block struct {
	cidr   netip.Prefix
	except []netip.Prefix
}

// portRange has all ports of the protocol if both ends are 0.
type portRange struct {
	protocol    string
	first, last int32
}

type podPort struct {
	ip       netip.Addr
	protocol string
	number   int32
}

// compile finds out what the node has to enforce. The same view gives the same result.
func compile(v view) ruleset {
	rules := ruleset{isolated: map[direction][]isolation{}}
	slices.SortFunc(v.pods, func(a, b pod) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	policies := slices.Clone(v.policies)
	slices.SortFunc(policies, func(a, b *networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, d := range []direction{ingress, egress} {
		names := map[int][]string{}
		for _, p := range policies {
			selected := v.selected(p)
			if len(selected) == 0 || !applies(p, d) {
				continue
			}
			rules.policies = append(rules.policies, v.compileOne(p, d, selected))
			for _, i := range selected {
				names[i] = append(names[i], p.Namespace+"/"+p.Name)
			}
		}
		for i, pod := range v.pods {
			if len(names[i]) > 0 {
				rules.isolated[d] = append(rules.isolated[d], isolation{pod, names[i]})
			}
		}
	}
	return rules
}

// selected are the node's own pods that the policy is for.
func (v view) selected(p *networkingv1.NetworkPolicy) []int {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	if err != nil {
		return nil
	}
	var list []int
	for i, pod := range v.pods {
		if pod.node == v.node && pod.namespace == p.Namespace && selector.Matches(pod.labels) {
			list = append(list, i)
		}
	}
	return list
}

func applies(p *networkingv1.NetworkPolicy, d direction) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return d == ingress || len(p.Spec.Egress) > 0
	}
	want := networkingv1.PolicyTypeIngress
	if d == egress {
		want = networkingv1.PolicyTypeEgress
	}
	return slices.Contains(p.Spec.PolicyTypes, want)
}

func (v view) compileOne(p *networkingv1.NetworkPolicy, d direction, selected []int) policy {
	result := policy{name: p.Namespace + "/" + p.Name, direction: d}
	if d == ingress {
		own := make([]pod, 0, len(selected))
		for _, i := range selected {
			own = append(own, v.pods[i])
		}
		for _, r := range p.Spec.Ingress {
			a, _ := v.peers(p.Namespace, r.From)
			a.setPorts(r.Ports, own)
			result.allows = append(result.allows, a)
		}
		return result
	}
	for _, r := range p.Spec.Egress {
		a, peers := v.peers(p.Namespace, r.To)
		a.setPorts(r.Ports, peers)
		result.allows = append(result.allows, a)
	}
	return result
}

// peers resolves who the other side may be; it returns those that are pods as well.
func (v view) peers(namespace string, list []networkingv1.NetworkPolicyPeer) (allow, []pod) {
	if len(list) == 0 {
		return allow{anyPeer: true}, v.pods
	}
	var a allow
	var pods []pod
	for _, peer := range list {
		if peer.IPBlock != nil {
			if b, ok := parseBlock(peer.IPBlock); ok {
				a.blocks = append(a.blocks, b)
				pods = append(pods, v.within(b)...)
			}
			continue
		}
		for _, p := range v.matching(namespace, peer) {
			a.addresses = append(a.addresses, p.ip)
			pods = append(pods, p)
		}
	}
	slices.SortFunc(a.addresses, netip.Addr.Compare)
	a.addresses = slices.Compact(a.addresses)
	return a, pods
}

// matching are the pods that a peer's selectors mean: of the policy's own namespace,
// unless namespaces are selected.
func (v view) matching(namespace string, peer networkingv1.NetworkPolicyPeer) []pod {
	pods, err := selectorOf(peer.PodSelector)
	if err != nil {
		return nil
	}
	namespaces, err := selectorOf(peer.NamespaceSelector)
	if err != nil {
		return nil
	}
	var list []pod
	for _, p := range v.pods {
		inside := p.namespace == namespace
		if peer.NamespaceSelector != nil {
			of, known := v.namespaces[p.namespace]
			inside = known && namespaces.Matches(of)
		}
		if inside && pods.Matches(p.labels) {
			list = append(list, p)
		}
	}
	return list
}

// selectorOf takes a selector that is not there for one that selects all.
func selectorOf(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// within are the pods with an address of the block.
func (v view) within(b block) []pod {
	var list []pod
	for _, p := range v.pods {
		outside := !b.cidr.Contains(p.ip) || slices.ContainsFunc(b.except, func(e netip.Prefix) bool { return e.Contains(p.ip) })
		if !outside {
			list = append(list, p)
		}
	}
	return list
}

// parseBlock reads a block; the cluster knows IPv4 only.
func parseBlock(b *networkingv1.IPBlock) (block, bool) {
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil || !cidr.Addr().Is4() {
		return block{}, false
	}
	result := block{cidr: cidr.Masked()}
	for _, e := range b.Except {
		if prefix, err := netip.ParsePrefix(e); err == nil {
			result.except = append(result.except, prefix.Masked())
		}
	}
	return result, true
}

// setPorts resolves the ports; named ones are looked up in the pods that connections of
// the rule lead to.
func (a *allow) setPorts(list []networkingv1.NetworkPolicyPort, targets []pod) {
	a.anyPort = len(list) == 0
	for _, p := range list {
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		switch {
		case p.Port == nil:
			a.ports = append(a.ports, portRange{protocol: nftProtocol(protocol)})
		case p.Port.Type == intstr.Int:
			last := p.Port.IntVal
			if p.EndPort != nil {
				last = *p.EndPort
			}
			a.ports = append(a.ports, portRange{nftProtocol(protocol), p.Port.IntVal, last})
		default:
			a.named = append(a.named, namedPorts(p.Port.StrVal, protocol, targets)...)
		}
	}
	slices.SortFunc(a.named, func(x, y podPort) int {
		return cmp.Or(x.ip.Compare(y.ip), cmp.Compare(x.protocol, y.protocol), cmp.Compare(x.number, y.number))
	})
	a.named = slices.Compact(a.named)
}

func namedPorts(name string, protocol corev1.Protocol, targets []pod) []podPort {
	var list []podPort
	for _, t := range targets {
		for _, p := range t.ports {
			of := p.Protocol
			if of == "" {
				of = corev1.ProtocolTCP
			}
			if p.Name == name && of == protocol {
				list = append(list, podPort{t.ip, nftProtocol(protocol), p.ContainerPort})
			}
		}
	}
	return list
}

// nftProtocol is what nft calls the protocol.
func nftProtocol(p corev1.Protocol) string {
	switch p {
	case corev1.ProtocolUDP:
		return "udp"
	case corev1.ProtocolSCTP:
		return "sctp"
	default:
		return "tcp"
	}
}
