package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/network"
	"kubarium/cluster/nft"
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
	listing, err := nft.Run(ctx, entering(machine), "", "-a", "list", "table", "ip", "kube-proxy")
	if err != nil {
		return inspect.Service{}, err
	}
	s := inspect.Service{Namespace: namespace, Name: name, Node: where}
	s.Doors = inspect.ParseRuleset(string(listing)).Service(namespace, name)
	counted, err := machine.ReadFile("/proc/sys/net/netfilter/nf_conntrack_acct")
	s.Accounting = err == nil && strings.TrimSpace(string(counted)) == "1"
	connections, err := inspect.Connections(networkOf(machine))
	if err != nil {
		return s, err
	}
	s.Count(connections)
	return s, nil
}

// meterEvery is how often counters are read while somebody looks: nothing tells of a packet.
const meterEvery = 2 * time.Second

// meters count packets to a Service on nodes while somebody looks at it.
type meters map[string]*inspect.Meter

// count adds to what was found what a node's meter counts.
func (m meters) count(ctx context.Context, c *Cluster, s *inspect.Service) error {
	machine, err := c.machineOf(s.Node)
	if err != nil {
		return err
	}
	if m[s.Node] == nil {
		m[s.Node] = inspect.NewMeter(entering(machine))
	}
	return m[s.Node].Count(ctx, s)
}

// close takes all meters away. That of a node that is off is gone with it.
func (m meters) close(ctx context.Context, c *Cluster) {
	for name, meter := range m {
		if _, err := c.machineOf(name); err != nil {
			continue
		}
		if err := meter.Close(ctx); err != nil {
			c.log.Error("end counting packets", "node", name, "error", err)
		}
	}
}

// WatchService calls show with the rules of a Service on a node, with counters, and again at
// each change, until ctx ends.
func (c *Cluster) WatchService(ctx context.Context, namespace, name, where string, show func(inspect.Service) error) error {
	counting := meters{}
	defer counting.close(ctx, c)
	return inspect.Watch(ctx, func(ctx context.Context) error {
		found, err := c.InspectService(ctx, namespace, name, where)
		if err != nil {
			return err
		}
		where = found.Node
		if err := counting.count(ctx, c, &found); err != nil {
			return err
		}
		return show(found)
	}, func(ctx context.Context, changed func()) error { return c.followCounted(ctx, where, changed) })
}

// followCounted calls changed when a node's packet rules or connections change, and when
// counters are to be read.
func (c *Cluster) followCounted(ctx context.Context, name string, changed func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.FollowPackets(ctx, name, changed) })
	group.Go(func() error {
		ticker := time.NewTicker(meterEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				changed()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return group.Wait()
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

// entering runs functions in a node's network.
func entering(machine *node.Node) func(func() error) error {
	return func(f func() error) error { return network.InNamespaceOf(machine.PID(), f) }
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
	inspect.FollowRules(ctx, networkOf(running), func(change inspect.RuleChange) {
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
	}, func(err error) {
		add(trace.Event{Verb: "lost", Detail: fmt.Sprintf("changes of packet rules on %s: %v", name, err)})
		c.log.Error("follow packet rules", "node", name, "error", err)
	})
}
