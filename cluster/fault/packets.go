package fault

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/knftables"
)

const betweenTarget = "POD|NODE,POD|NODE"

// uplink is a node's interface to the cluster's network.
const uplink = "eth0"

// end is a pod or a node, or all that there is.
type end struct {
	node string
	// addresses and ranges of addresses; none are all.
	addresses []string
}

// partitionNode drops what a node sends to, and gets from, the others.
func partitionNode(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	name := o.Target
	from := end{}
	switch peer := nodeName(o.Params["from"]); peer {
	case "all":
	case ControlPlane:
		address, err := w.Address(peer)
		if err != nil {
			return nil, err
		}
		from.addresses = []string{address.String()}
	case name:
		return nil, fmt.Errorf("%s cannot be apart from itself", name)
	default:
		var err error
		if from, err = nodeEnd(ctx, w, peer); err != nil {
			return nil, err
		}
	}
	return drop(ctx, w, o, end{node: name}, from, 100)
}

// dropPackets drops some of what two ends send each other.
func dropPackets(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	percent, err := strconv.Atoi(o.Params["percent"])
	if err != nil || percent < 1 || percent > 100 {
		return nil, fmt.Errorf("percent %q: write a number from 1 to 100", o.Params["percent"])
	}
	a, b, err := findEnds(ctx, w, o.Target)
	if err != nil {
		return nil, err
	}
	return drop(ctx, w, o, a, b, percent)
}

// findEnds reads a target such as shop/web-0,node-2. The first end is on a node that
// runs.
func findEnds(ctx context.Context, w World, target string) (a, b end, err error) {
	first, second, both := strings.Cut(target, ",")
	if !both {
		return a, b, fmt.Errorf("%q: write two pods or nodes with a comma between them, such as shop/web-0,node-2", target)
	}
	if a, err = findEnd(ctx, w, first); err != nil {
		return a, b, err
	}
	if b, err = findEnd(ctx, w, second); err != nil {
		return a, b, err
	}
	if slices.Equal(a.addresses, b.addresses) {
		return a, b, fmt.Errorf("%q: nothing is sent between one and the same", target)
	}
	return a, b, nil
}

func findEnd(ctx context.Context, w World, name string) (end, error) {
	if _, err := w.Address(nodeName(name)); err == nil {
		return nodeEnd(ctx, w, nodeName(name))
	}
	pod, _, err := findPod(ctx, w, name)
	if err != nil {
		return end{}, err
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return end{}, fmt.Errorf("pod %s has no address yet", pod.Name)
	}
	if pod.Spec.HostNetwork {
		return end{}, fmt.Errorf("pod %s has its node's address: name the node", pod.Name)
	}
	return end{node: pod.Spec.NodeName, addresses: []string{address.String()}}, nil
}

// nodeEnd is a node with its pods.
func nodeEnd(ctx context.Context, w World, name string) (end, error) {
	address, err := w.Address(name)
	if err != nil {
		return end{}, err
	}
	client, err := w.Client()
	if err != nil {
		return end{}, err
	}
	var object *corev1.Node
	if object, err = client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); err != nil {
		return end{}, fmt.Errorf("find node: %w", err)
	}
	pods, err := netip.ParsePrefix(object.Spec.PodCIDR)
	if err != nil {
		return end{}, fmt.Errorf("%s has no range of pod addresses yet", name)
	}
	return end{node: name, addresses: []string{address.String(), pods.String()}}, nil
}

// drop has the kernel of a's node drop packets. The rules are the node's network
// namespace's, and go with it.
func drop(ctx context.Context, w World, o Order, a, b end, percent int) (func(context.Context) error, error) {
	machine, err := w.Machine(a.node)
	if err != nil {
		return nil, err
	}
	rules := packetRules{machine: machine, node: a.node, order: o}
	if err := rules.change(ctx, func(tx *knftables.Transaction) { addDrops(tx, a, b, percent) }); err != nil {
		return nil, err
	}
	return ifOn(machine, rules.remove), nil
}

// packetRules are those of one fault on one node.
type packetRules struct {
	machine Machine
	node    string
	order   Order
}

func (r packetRules) change(ctx context.Context, fill func(*knftables.Transaction)) error {
	return r.machine.InNetwork(func() error {
		nft, err := knftables.New(knftables.IPv4Family, tableOf(r.order))
		if err != nil {
			return fmt.Errorf("find nft: %w", err)
		}
		tx := nft.NewTransaction()
		// Made first, so that it can be deleted if it is not there.
		tx.Add(&knftables.Table{Comment: knftables.PtrTo(r.order.Name + " " + r.order.Target)})
		fill(tx)
		if err := nft.Run(ctx, tx); err != nil {
			return fmt.Errorf("change packet rules of %s: %w", r.node, err)
		}
		return nil
	})
}

func (r packetRules) remove(ctx context.Context) error {
	return r.change(ctx, func(tx *knftables.Transaction) { tx.Delete(&knftables.Table{}) })
}

// tableOf is a name of nft's for one fault.
func tableOf(o Order) string {
	h := fnv.New32a()
	h.Write([]byte(o.Target))
	return fmt.Sprintf("fault-%s-%08x", o.Name, h.Sum32())
}

// addDrops drops each packet at most once: what comes from another node before its
// address is translated back, what leaves after it was translated, and what stays on
// the node when it leaves.
func addDrops(tx *knftables.Transaction, a, b end, percent int) {
	tx.Add(&knftables.Chain{
		Name: "arrives", Type: knftables.PtrTo(knftables.FilterType),
		Hook: knftables.PtrTo(knftables.PreroutingHook), Priority: knftables.PtrTo(knftables.RawPriority),
	})
	tx.Add(&knftables.Chain{
		Name: "leaves", Type: knftables.PtrTo(knftables.FilterType),
		Hook: knftables.PtrTo(knftables.PostroutingHook), Priority: knftables.PtrTo(knftables.FilterPriority),
	})
	verdict := "drop"
	if percent < 100 {
		verdict = fmt.Sprintf("numgen random mod 100 < %d drop", percent)
	}
	add := func(chain string, parts ...any) {
		tx.Add(&knftables.Rule{Chain: chain, Rule: knftables.Concat(append(parts, verdict)...)})
	}
	add("arrives", "iifname", uplink, match("saddr", b), match("daddr", a))
	if len(b.addresses) == 0 || len(a.addresses) == 0 {
		add("leaves", "oifname", uplink, match("saddr", a), match("daddr", b))
		return
	}
	add("leaves", match("saddr", a), match("daddr", b))
	add("leaves", "iifname !=", uplink, match("saddr", b), match("daddr", a))
}

// match is a condition on an address, "" if all match.
func match(side string, e end) string {
	if len(e.addresses) == 0 {
		return ""
	}
	return "ip " + side + " { " + strings.Join(e.addresses, ", ") + " }"
}
