package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"kubarium/cluster/component"
	"kubarium/cluster/network/follow"
)

// settleTime is how long after its start a cluster has come to rest.
const settleTime = 8 * time.Second

// informersEndLimit is how long informers that have nothing to do need to end.
const informersEndLimit = 500 * time.Millisecond

// follow starts what watches the cluster and acts on the network: routes to the
// nodes' pods, node ports on the host, and the nodes' readiness.
func (c *Cluster) follow(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	routes, err := follow.NewRoutes(factory, c.network, c.log)
	if err != nil {
		return fmt.Errorf("follow routes: %w", err)
	}
	ports, err := follow.NewNodePorts(factory, follow.NodePortsConfig{
		Host: netip.MustParseAddr("127.0.0.1"), Lab: c.network, Log: c.log,
		Report: c.reportNodePort(ctx, client),
	})
	if err != nil {
		return fmt.Errorf("follow node ports: %w", err)
	}
	if err := c.newExtras(ctx, factory); err != nil {
		return err
	}
	nodes := factory.Core().V1().Nodes().Informer()
	if _, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { c.nodeChanged(o) },
		UpdateFunc: func(_, o any) { c.nodeChanged(o) },
	}); err != nil {
		return fmt.Errorf("follow nodes: %w", err)
	}
	factory.Start(ctx.Done())
	go routes.Run(ctx)
	go ports.Run(ctx)
	go c.finishEncryption(ctx)
	go c.startAddons(ctx)
	c.onStop(func(ctx context.Context) error { c.background(); return informersEnd(ctx, factory) })
	return nil
}

// informersEnd waits a moment for the informers to end. After the API server was away,
// they may sleep for half a minute before they look whether they are to end.
func informersEnd(ctx context.Context, factory informers.SharedInformerFactory) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		factory.Shutdown()
	}()
	select {
	case <-ended:
	case <-time.After(informersEndLimit):
	case <-ctx.Done():
	}
	return nil
}

// nodeChanged records what the node's own kubelet, or the node controller, says.
func (c *Cluster) nodeChanged(object any) {
	n, ok := object.(*corev1.Node)
	if !ok {
		return
	}
	info, known := c.tracker.get(n.Name)
	if !known || (info.State != component.Starting && info.State != component.Ready && info.State != component.Unhealthy) {
		return
	}
	for _, condition := range n.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		switch {
		case condition.Status == corev1.ConditionTrue && condition.LastHeartbeatTime.After(info.Since.Add(-time.Second)) || info.State == component.Ready && condition.Status == corev1.ConditionTrue:
			c.tracker.set(n.Name, component.Ready, "")
		case condition.Status == corev1.ConditionTrue && info.State == component.Unhealthy:
			c.tracker.set(n.Name, component.Ready, "")
		case info.State == component.Ready:
			c.tracker.set(n.Name, component.Unhealthy, condition.Message)
		}
	}
	c.noteReady()
}

// noteReady closes ready when every node that is to run is Ready.
func (c *Cluster) noteReady() {
	for _, name := range c.running() {
		if info, _ := c.tracker.get(name); info.State != component.Ready {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.ready:
	default:
		close(c.ready)
		c.settled()
	}
}

// withoutManagedFields saves the memory of what nobody here reads.
func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}
