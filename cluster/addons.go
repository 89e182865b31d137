package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"kubarium/cluster/addons"
	"kubarium/cluster/component"
	"kubarium/cluster/loadbalancer"
	"kubarium/cluster/metrics"
	"kubarium/cluster/node"
	"kubarium/cluster/storage"
)

// dnsManifest is what no cluster is without.
const dnsManifest = "coredns"

// dnsLimit is how long add-ons wait for cluster DNS, which may be broken.
const dnsLimit = 30 * time.Second

// addonsLimit is how long after the cluster's start add-ons may still come.
const addonsLimit = time.Minute

// addon is a service of the cluster that can be left out.
type addon struct {
	name string
	// part is the component by which it shows.
	part string
	// before are the manifests that the component needs, and after those that promise
	// what it does.
	before, after []string
	// early add-ons don't wait for nodes and DNS: they cost next to nothing.
	early bool
}

// addonList has the add-ons in the order in which they start.
var addonList = []addon{
	{name: addons.LoadBalancer, part: loadbalancer.Name, before: []string{"loadbalancer"}, early: true},
	{name: addons.NetworkPolicy, part: node.RoleNetworkPolicy, before: []string{"networkpolicy"}, early: true},
	// A claim that is made before there is a default class gets one a quarter of a
	// minute later.
	{name: addons.Storage, part: storage.Name, before: []string{"storage"}, early: true},
	{name: addons.Metrics, part: metrics.Name, before: []string{"metrics"}, after: []string{"metrics-api"}},
	{name: addons.Ingress, part: ingressName, before: []string{addons.GatewayAPI, "ingress"}},
}

// startAddons applies cluster DNS, takes out what is disabled, and starts the rest:
// nothing of it may hold up nodes or DNS.
func (c *Cluster) startAddons(ctx context.Context) {
	defer close(c.complete)
	defer c.memory.Starting()()
	c.tell(ctx, "apply cluster DNS", addons.Apply(ctx, c.restConfig, c.addonValues(), dnsManifest))
	for _, a := range addonList {
		if !c.options.has(a.name) {
			c.tell(ctx, "take out add-on", addons.Remove(ctx, c.restConfig, append(a.after, a.before...)...))
		} else if a.early {
			c.startAddon(ctx, a)
		}
	}
	if c.Ready(ctx) != nil {
		return
	}
	c.tell(ctx, "wait for cluster DNS", c.awaitDNS(ctx))
	for _, a := range addonList {
		if c.options.has(a.name) && !a.early {
			c.startAddon(ctx, a)
		}
	}
}

// awaitAddons waits until what the cluster brings along is there, or will hardly come.
func (c *Cluster) awaitAddons(ctx context.Context) error {
	select {
	case <-c.complete:
	case <-time.After(time.Until(c.started.Add(addonsLimit))):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (c *Cluster) startAddon(ctx context.Context, a addon) {
	values := c.addonValues()
	if err := addons.Apply(ctx, c.restConfig, values, a.before...); err != nil {
		c.tracker.set(a.part, component.Failed, err.Error())
		c.tell(ctx, "apply add-on", err)
		return
	}
	part, err := c.component(a.part)
	if err == nil {
		starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		err = c.run(starting, part)
	}
	if err != nil {
		c.tell(ctx, "start add-on", err)
		return
	}
	c.tell(ctx, "apply add-on", addons.Apply(ctx, c.restConfig, values, a.after...))
}

func (c *Cluster) addonValues() addons.Values {
	net := c.network.Config()
	return addons.Values{CA: c.pki.CA.PEM(), DNS: clusterDNS(net.ServiceCIDR), Router: net.Router}
}

// tell writes an error to the log, unless it comes from the end of the cluster.
func (c *Cluster) tell(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		c.log.Error(what, "error", err)
	}
}

// addExtra makes a component known that is none of the control plane's.
func (c *Cluster) addExtra(part component.Component) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.extras = append(c.extras, part)
}

// awaitDNS waits until cluster DNS answers.
func (c *Cluster) awaitDNS(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dnsLimit)
	defer cancel()
	list := cache.NewListWatchFromClient(client.AppsV1().RESTClient(), "deployments", "kube-system", fields.OneTermEqualSelector("metadata.name", "coredns"))
	_, err = watchtools.UntilWithSync(ctx, list, &appsv1.Deployment{}, nil, func(e watch.Event) (bool, error) {
		d, ok := e.Object.(*appsv1.Deployment)
		return ok && d.Status.AvailableReplicas > 0, nil
	})
	return err
}

// newExtras makes the components beside the control plane's, before the factory starts.
func (c *Cluster) newExtras(ctx context.Context, factory informers.SharedInformerFactory) error {
	if err := c.newCloud(ctx, factory); err != nil {
		return err
	}
	// Nodes run these, and end them when they end.
	if c.options.has(addons.NetworkPolicy) {
		c.addExtra(policyEnforcers{c})
	}
	c.newMetrics()
	if c.options.has(addons.Ingress) {
		controller := deployment{namespace: ingressName, name: ingressName, config: c.restConfig}
		c.addExtra(controller)
		if err := controller.follow(ctx, c.deploymentChanged); err != nil {
			return err
		}
	}
	return c.newStorage()
}

// newMetrics makes the metrics server.
func (c *Cluster) newMetrics() {
	if !c.options.has(addons.Metrics) {
		return
	}
	server := metrics.New(metrics.Config{
		Lab: c.network, Address: net.JoinHostPort(c.network.Config().Router.String(), strconv.Itoa(metrics.Port)),
		PKI: c.pki, APIServer: "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Port)), ClusterName: c.options.Name,
	})
	c.addExtra(server)
	c.onStop(server.Stop)
}

// newStorage makes the provisioner of volumes.
func (c *Cluster) newStorage() error {
	if !c.options.has(addons.Storage) {
		return nil
	}
	client, err := c.clientAs(storage.User)
	if err != nil {
		return err
	}
	provisioner := storage.New(client, c.openVar, c.logs.Logger(storage.Name))
	c.addExtra(provisioner)
	c.onStop(provisioner.Stop)
	return nil
}

// openVar opens a node's /var.
func (c *Cluster) openVar(name string) (*os.Root, error) {
	n, running, err := c.findNode(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", storage.ErrNoDisk, err)
	case n.Disk == 0:
		return os.OpenRoot(node.VarDir(c.layout.Node(name)))
	case running == nil:
		return nil, fmt.Errorf("%w: %s is off, and its disk with it", storage.ErrNoDisk, name)
	}
	return running.OpenRoot("/var")
}
