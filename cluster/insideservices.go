package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
	"kubarium/cluster/trace"
)

// InspectService reads the packet rules of a Service on a node; "" is the first that runs.
func (c *Cluster) InspectService(ctx context.Context, namespace, name, where string) (inspect.Service, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return inspect.Service{}, err
	}
	if _, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
		return inspect.Service{}, fmt.Errorf("find service: %w", err)
	}
	if where == "" {
		if where, err = c.someNode(); err != nil {
			return inspect.Service{}, err
		}
	}
	machine, err := c.machineOf(where)
	if err != nil {
		return inspect.Service{}, err
	}
	listing, err := nftIn(ctx, machine, "-a", "list", "table", "ip", "kube-proxy")
	if err != nil {
		return inspect.Service{}, err
	}
	s := inspect.Service{Namespace: namespace, Name: name, Node: where}
	s.Doors = inspect.ParseRuleset(listing).Service(namespace, name)
	counted, err := os.ReadFile(machine.Path("/proc/sys/net/netfilter/nf_conntrack_acct"))
	s.Accounting = err == nil && strings.TrimSpace(string(counted)) == "1"
	connections, err := inspect.Connections(networkOf(machine))
	if err != nil {
		return s, err
	}
	s.Count(connections)
	return s, nil
}

// someNode is a node that runs.
func (c *Cluster) someNode() (string, error) {
	for _, name := range c.Nodes() {
		if _, err := c.machineOf(name); err == nil {
			return name, nil
		}
	}
	return "", fmt.Errorf("no node is on")
}

// nftIn runs nft in a node's network.
func nftIn(ctx context.Context, machine *node.Node, args ...string) (string, error) {
	var out []byte
	err := network.InNamespaceOf(machine.PID(), func() error {
		var complaint bytes.Buffer
		nft := exec.CommandContext(ctx, "nft", args...)
		nft.Stderr = &complaint
		var err error
		if out, err = nft.Output(); err != nil {
			return fmt.Errorf("nft %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
		}
		return nil
	})
	return string(out), err
}

// networkOf is the network namespace of a node.
func networkOf(machine *node.Node) string { return fmt.Sprintf("/proc/%d/ns/net", machine.PID()) }

// FollowPackets calls f when the packet rules of a node change, or a connection through it
// begins or ends, until ctx ends.
func (c *Cluster) FollowPackets(ctx context.Context, name string, f func()) error {
	machine, err := c.machineOf(name)
	if err != nil {
		return err
	}
	return inspect.FollowPackets(ctx, networkOf(machine), f)
}

// followRules tells the trace of each change in the rules of a Service on a node, until the
// node ends.
func (c *Cluster) followRules(ctx context.Context, name string, running *node.Node) {
	add := func(e trace.Event) {
		e.Time, e.Component = time.Now(), node.RoleKubeProxy
		if e.Fields == nil {
			e.Fields = map[string]string{}
		}
		e.Fields["node"] = name
		c.trace.Add(e)
	}
	err := inspect.FollowRules(ctx, networkOf(running), func(change inspect.RuleChange) {
		namespace, service, _ := strings.Cut(change.Service, "/")
		e := trace.Event{
			Verb:   "rules",
			Object: trace.Object{Version: "v1", Kind: "Service", Resource: "services", Namespace: namespace, Name: service},
			Fields: map[string]string{
				"by": change.By, "chains": strings.Join(change.Chains, " "), "endpoints": strings.Join(change.Endpoints, " "),
				"added": fmt.Sprint(change.Added), "removed": fmt.Sprint(change.Removed),
			},
			Detail: fmt.Sprintf("on %s: %d rules added, %d removed", name, change.Added, change.Removed),
		}
		if len(change.Endpoints) > 0 {
			e.Detail += ", to " + strings.Join(change.Endpoints, ", ")
		}
		add(e)
	}, func() { add(trace.Event{Verb: "lost", Detail: "changes of packet rules on " + name}) })
	if err != nil && ctx.Err() == nil {
		c.log.Error("follow packet rules", "node", name, "error", err)
	}
}
