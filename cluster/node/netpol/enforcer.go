// Package netpol enforces NetworkPolicies on one node with nftables. While the cluster
// has no policy, it watches only whether there is one. DESIGN.md of package node tells
// why it is here.
package netpol

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/knftables"

	"kubarium/cluster/reconcile"
)

// Enforcer enforces policies for the pods of one node.
type Enforcer struct {
	node   string
	client kubernetes.Interface
	nft    knftables.Interface
	// allocated knows the addresses of pods that are about to start.
	allocated *allocations
	policies  networkinglisters.NetworkPolicyLister
	loop      *reconcile.Loop
	// others is what is watched only while there are policies.
	others *others
	// written is what the kernel has.
	written string
}

// others are the pods and namespaces that policies speak of.
type others struct {
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	stop       func()
}

// New returns an enforcer for the node. Results is where the container runtime keeps the
// results of its network plugins.
func New(node string, client kubernetes.Interface, nft knftables.Interface, results string) *Enforcer {
	e := &Enforcer{node: node, client: client, nft: nft}
	e.loop = reconcile.NewLoop(e.enforce)
	e.allocated = &allocations{dir: results, changed: e.loop.Kick}
	return e
}

// Run enforces policies until ctx ends. The rules stay then.
func (e *Enforcer) Run(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(e.client, 0, informers.WithTransform(trim))
	policies := factory.Networking().V1().NetworkPolicies()
	e.policies = policies.Lister()
	if err := e.loop.Watch(policies.Informer(), func(before, after any) bool {
		a, aok := before.(*networkingv1.NetworkPolicy)
		b, bok := after.(*networkingv1.NetworkPolicy)
		return !aok || !bok || !equality.Semantic.DeepEqual(a.Spec, b.Spec)
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer e.forget()
	e.loop.Run(ctx)
	return ctx.Err()
}

// enforce brings the rules in line; it returns false when that is to be tried again.
func (e *Enforcer) enforce(ctx context.Context) bool {
	err := e.sync(ctx)
	if err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Network policies not enforced as they are now")
	}
	return err == nil
}

func (e *Enforcer) sync(ctx context.Context) error {
	policies, err := e.policies.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list policies: %w", err)
	}
	v := view{node: e.node, policies: policies}
	if len(policies) == 0 {
		e.forget()
	} else {
		if err := e.remember(ctx); err != nil {
			return err
		}
		if err := e.others.fill(&v, e.allocated); err != nil {
			return err
		}
	}
	tx := write(e.nft, compile(v))
	if text := tx.String(); text != e.written {
		if err := e.nft.Run(ctx, tx); err != nil {
			return fmt.Errorf("write packet rules: %w", err)
		}
		e.written = text
	}
	return nil
}

// remember begins to watch what policies speak of.
func (e *Enforcer) remember(ctx context.Context) error {
	if e.others != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(e.client, 0, informers.WithTransform(trim))
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	// All that trim leaves of them matters.
	differ := func(before, after any) bool {
		return !equality.Semantic.DeepEqual(unversioned(before), unversioned(after))
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer()} {
		if _, err := e.loop.Add(informer, differ); err != nil {
			cancel()
			return err
		}
	}
	e.allocated.start(ctx)
	factory.Start(ctx.Done())
	e.others = &others{pods: pods.Lister(), namespaces: namespaces.Lister(), stop: func() {
		cancel()
		factory.Shutdown()
		e.allocated.wait()
	}}
	if !cache.WaitForCacheSync(ctx.Done(), pods.Informer().HasSynced, namespaces.Informer().HasSynced) {
		return ctx.Err()
	}
	return nil
}

// forget ends what remember began.
func (e *Enforcer) forget() {
	if e.others != nil {
		e.others.stop()
		e.others = nil
	}
}

// fill puts pods and namespaces into the view.
func (o *others) fill(v *view, allocated *allocations) error {
	pods, err := o.pods.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	for _, p := range pods {
		// The addresses of hosts are no pods', and those of pods that ended anybody's.
		if p.Spec.HostNetwork || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		ip, err := netip.ParseAddr(p.Status.PodIP)
		if p.Spec.NodeName == v.node {
			// The status may still be without an address, or have that of before a reboot.
			if given, found := allocated.find(p.Namespace, p.Name); found {
				ip, err = given, nil
			}
		}
		if err != nil {
			continue
		}
		one := pod{namespace: p.Namespace, name: p.Name, node: p.Spec.NodeName, labels: p.Labels, ip: ip}
		for _, c := range p.Spec.Containers {
			one.ports = append(one.ports, c.Ports...)
		}
		v.pods = append(v.pods, one)
	}
	namespaces, err := o.namespaces.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	v.namespaces = make(map[string]labels.Set, len(namespaces))
	for _, n := range namespaces {
		v.namespaces[n.Name] = n.Labels
	}
	return nil
}

// trim keeps of each object what policies speak of: a node needs to know all pods.
func trim(object any) (any, error) {
	if p, ok := object.(*corev1.Pod); ok {
		slim := &corev1.Pod{}
		slim.Namespace, slim.Name, slim.UID, slim.ResourceVersion, slim.Labels = p.Namespace, p.Name, p.UID, p.ResourceVersion, p.Labels
		slim.Spec.NodeName, slim.Spec.HostNetwork = p.Spec.NodeName, p.Spec.HostNetwork
		slim.Status.PodIP, slim.Status.Phase = p.Status.PodIP, p.Status.Phase
		// A sidecar is an init container that stays.
		for _, c := range append(p.Spec.InitContainers[:len(p.Spec.InitContainers):len(p.Spec.InitContainers)], p.Spec.Containers...) {
			if len(c.Ports) > 0 {
				slim.Spec.Containers = append(slim.Spec.Containers, corev1.Container{Ports: c.Ports})
			}
		}
		return slim, nil
	}
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

// unversioned is the object without what changes with everything.
func unversioned(object any) any {
	switch o := object.(type) {
	case *corev1.Pod:
		o = o.DeepCopy()
		o.ResourceVersion = ""
		return o
	case *corev1.Namespace:
		return o.Labels
	}
	return object
}
