package cluster

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"kubarium/cluster/component"
)

// ingressName is the namespace, and the Deployment, of the ingress controller.
const ingressName = "traefik"

// deployment is a component that runs in the cluster, as a Deployment that an add-on
// brings. The cluster's end does not stop it: it ends with the nodes, and is there again
// with them.
type deployment struct {
	namespace, name string
	config          *rest.Config
}

var _ component.Component = deployment{}

// Name is the Deployment's name.
func (d deployment) Name() string { return d.name }

// Start has one pod of it.
func (d deployment) Start(ctx context.Context) error { return d.scale(ctx, 1) }

// Stop has no pod of it.
func (d deployment) Stop(ctx context.Context) error { return d.scale(ctx, 0) }

func (d deployment) scale(ctx context.Context, replicas int) error {
	client, err := d.client()
	if err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := client.AppsV1().Deployments(d.namespace).Patch(ctx, d.name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("scale %s: %w", d.name, err)
	}
	return nil
}

// Ready waits until its pod is.
func (d deployment) Ready(ctx context.Context) error {
	client, err := d.client()
	if err != nil {
		return err
	}
	list := cache.NewListWatchFromClient(client.AppsV1().RESTClient(), "deployments", d.namespace, fields.OneTermEqualSelector("metadata.name", d.name))
	_, err = watchtools.UntilWithSync(ctx, list, &appsv1.Deployment{}, nil, func(e watch.Event) (bool, error) {
		current, ok := e.Object.(*appsv1.Deployment)
		return ok && current.Status.AvailableReplicas > 0 && current.Status.ObservedGeneration == current.Generation, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", d.name, err)
	}
	return nil
}

// Health tells whether its pod is ready.
func (d deployment) Health(ctx context.Context) error {
	client, err := d.client()
	if err != nil {
		return err
	}
	current, err := client.AppsV1().Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("look at %s: %w", d.name, err)
	}
	if current.Status.AvailableReplicas == 0 {
		return errors.New("none of its pods is ready: kubectl -n " + d.namespace + " get pods")
	}
	return nil
}

// follow tells each state of the Deployment until ctx ends.
func (d deployment) follow(ctx context.Context, changed func(*appsv1.Deployment)) error {
	client, err := d.client()
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(d.namespace), informers.WithTransform(withoutManagedFields))
	tell := func(object any) {
		if current, ok := object.(*appsv1.Deployment); ok && current.Name == d.name {
			changed(current)
		}
	}
	_, err = factory.Apps().V1().Deployments().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: tell, UpdateFunc: func(_, object any) { tell(object) },
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", d.name, err)
	}
	factory.Start(ctx.Done())
	return nil
}

// deploymentChanged records how a component fares that was Ready once.
func (c *Cluster) deploymentChanged(d *appsv1.Deployment) {
	info, _ := c.tracker.get(d.Name)
	switch {
	case info.State == component.Ready && d.Status.AvailableReplicas == 0:
		c.tracker.set(d.Name, component.Unhealthy, "none of its pods is ready")
	case info.State == component.Unhealthy && d.Status.AvailableReplicas > 0:
		c.tracker.set(d.Name, component.Ready, "")
	}
}

func (d deployment) client() (kubernetes.Interface, error) {
	client, err := kubernetes.NewForConfig(d.config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return client, nil
}
