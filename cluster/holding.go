package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/hold"
	"kubarium/cluster/loadbalancer"
	"kubarium/cluster/node"
	"kubarium/cluster/storage"
	"kubarium/cluster/trace"
)

// writers are who writes to the API server in each cluster, be it now or later.
var writers = []string{
	"kube-scheduler", "kube-controller-manager", node.RoleKubelet, loadbalancer.Name, storage.Name, "kubectl", admin,
}

// accountsLimit is how long the API server may take to tell the service accounts.
const accountsLimit = 5 * time.Second

// knowsWriter refuses to hold who never writes: nothing would wait, and nobody would know
// why.
func (c *Cluster) knowsWriter(name string) error {
	return c.findWriter(name, func() ([]string, error) {
		client, err := faultWorld{c}.Client()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), accountsLimit)
		defer cancel()
		list, err := client.CoreV1().ServiceAccounts(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list service accounts: %w", err)
		}
		names := make([]string, 0, len(list.Items))
		for _, account := range list.Items {
			names = append(names, account.Name)
		}
		return names, nil
	})
}

// findWriter looks for who is called so: as accounts the controllers are found, also those
// of somebody's own resources.
func (c *Cluster) findWriter(name string, accounts func() ([]string, error)) error {
	last := name[strings.LastIndex(name, ":")+1:]
	if slices.Contains(writers, last) || slices.Contains(c.Nodes(), last) || c.hasWritten(name) {
		return nil
	}
	_, isComponent := purposes[last]
	target := last
	if last == node.RoleKubeProxy || last == node.RoleContainerd || last == node.RoleNetworkPolicy {
		isComponent, target = true, "NODE/"+last
	}
	if isComponent {
		return fmt.Errorf("%s sends nothing that waits: stop it instead, with 'kubarium fault inject component-stop %s'", name, target)
	}
	// If nobody can tell, it may be one.
	if known, err := accounts(); err != nil || slices.Contains(known, last) {
		return nil
	}
	return fmt.Errorf("nobody called %q writes to the API server: hold one of %s, a component (%s), a node, a controller such as replicaset-controller, or a user or program that has written before",
		name, strings.Join(hold.Kinds(), ", "), strings.Join(writers[:5], ", "))
}

// hasWritten reports whether the trace has a request that a rule of the name would hold.
func (c *Cluster) hasWritten(name string) bool {
	rule, found := hold.Rule{Name: name}, false
	writes := func(e trace.Event) bool {
		return !found && e.Component == "kube-apiserver" && rule.Matches(hold.Request{
			User: e.Actor, Agent: e.Agent, Verb: e.Verb,
			Group: e.Object.Group, Resource: e.Object.Resource, Subresource: e.Object.Subresource,
		})
	}
	c.trace.Scan(0, writes, func(trace.Event) { found = true })
	return found
}
