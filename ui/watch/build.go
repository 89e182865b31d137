package watch

import (
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
)

// build makes a snapshot out of the last one and what has changed since. Listers
// cannot fail: they read the informers' own memory.
func (f *feed) build() *Snapshot {
	changed := kind(f.changed.Swap(0))
	s := f.last
	core, apps := f.factory.Core().V1(), f.factory.Apps().V1()
	if changed&pods != 0 {
		f.pods = podFacts(f.pods, f.podChanges.take())
	}
	if changed&events != 0 {
		s.Events = f.events.list()
	}
	pulled := f.pulling
	if changed&(pods|events) != 0 {
		s.Pods, f.pulling = withPulls(f.pods, s.Events)
		s.Tally = tally(s.Pods)
	}
	switch {
	case changed&nodes != 0:
		objects, _ := core.Nodes().Lister().List(labels.Everything())
		s.Nodes = nodeFacts(objects, s.Pods)
	case changed&pods != 0 || pulled+f.pulling > 0:
		s.Nodes = withPods(s.Nodes, f.last.Pods, s.Pods)
	}
	if changed&(services|endpointSlices) != 0 {
		objects, _ := core.Services().Lister().List(labels.Everything())
		ends, _ := f.factory.Discovery().V1().EndpointSlices().Lister().List(labels.Everything())
		s.Services = serviceFacts(objects, ends)
	}
	if changed&deployments != 0 {
		s.Deployments, _ = apps.Deployments().Lister().List(labels.Everything())
		sortDeployments(s.Deployments)
	}
	if changed&replicaSets != 0 {
		s.ReplicaSets, _ = apps.ReplicaSets().Lister().List(labels.Everything())
		sortReplicaSets(s.ReplicaSets)
	}
	if changed&^(events|nodes) != 0 {
		var objects []*corev1.Namespace
		if f.namespaces != nil {
			objects, _ = f.namespaces.List(labels.Everything())
		}
		s.Namespaces = namespaceNames(&s, objects)
	}
	f.last = s
	return &s
}

// New is the snapshot of a cluster that holds these objects.
func New(objects ...runtime.Object) *Snapshot {
	s := &Snapshot{}
	store := newEventStore(func() {})
	var (
		pods     podChanges
		nodes    []*corev1.Node
		services []*corev1.Service
		ends     []*discoveryv1.EndpointSlice
		spaces   []*corev1.Namespace
	)
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Pod:
			pods.put(o)
		case *corev1.Node:
			nodes = append(nodes, o)
		case *corev1.Service:
			services = append(services, o)
		case *discoveryv1.EndpointSlice:
			ends = append(ends, o)
		case *appsv1.Deployment:
			s.Deployments = append(s.Deployments, o)
		case *appsv1.ReplicaSet:
			s.ReplicaSets = append(s.ReplicaSets, o)
		case *corev1.Namespace:
			spaces = append(spaces, o)
		case *corev1.Event:
			_ = store.Add(o)
		}
	}
	s.Events = store.list()
	s.Pods, _ = withPulls(podFacts(nil, pods.take()), s.Events)
	s.Tally = tally(s.Pods)
	s.Nodes = nodeFacts(nodes, s.Pods)
	s.Services = serviceFacts(services, ends)
	sortDeployments(s.Deployments)
	sortReplicaSets(s.ReplicaSets)
	s.Namespaces = namespaceNames(s, spaces)
	return s
}

func nodeFacts(objects []*corev1.Node, pods []*facts.Pod) []*facts.Node {
	on := map[string][]*facts.Pod{}
	for _, p := range pods {
		if n := p.Object.Spec.NodeName; n != "" {
			on[n] = append(on[n], p)
		}
	}
	list := make([]*facts.Node, 0, len(objects))
	for _, o := range objects {
		list = append(list, facts.NewNode(o, on[o.Name]))
	}
	// node-2 comes before node-10.
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i].Object.Name, list[j].Object.Name
		if len(a) != len(b) {
			return len(a) < len(b)
		}
		return a < b
	})
	return list
}

func serviceFacts(objects []*corev1.Service, ends []*discoveryv1.EndpointSlice) []*facts.Service {
	of := map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	for _, e := range ends {
		key := types.NamespacedName{Namespace: e.Namespace, Name: e.Labels[discoveryv1.LabelServiceName]}
		of[key] = append(of[key], e)
	}
	list := make([]*facts.Service, 0, len(objects))
	for _, o := range objects {
		list = append(list, facts.NewService(o, of[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}]))
	}
	facts.ByName(list, func(s *facts.Service) (string, string) { return s.Object.Namespace, s.Object.Name })
	return list
}

func sortDeployments(list []*appsv1.Deployment) {
	facts.ByName(list, func(o *appsv1.Deployment) (string, string) { return o.Namespace, o.Name })
}

func sortReplicaSets(list []*appsv1.ReplicaSet) {
	facts.ByName(list, func(o *appsv1.ReplicaSet) (string, string) { return o.Namespace, o.Name })
}

// namespaceNames are the names of these namespaces, of those that hold something, and of the
// default one: who may not list namespaces sees the others.
func namespaceNames(s *Snapshot, objects []*corev1.Namespace) []string {
	set := map[string]bool{"default": true}
	for _, o := range objects {
		set[o.Name] = true
	}
	for rest := s.Pods; len(rest) > 0; { // in order of their namespaces
		n := rest[0].Object.Namespace
		set[n] = true
		rest = rest[sort.Search(len(rest), func(i int) bool { return rest[i].Object.Namespace > n }):]
	}
	for _, o := range s.Services {
		set[o.Object.Namespace] = true
	}
	for _, o := range s.Deployments {
		set[o.Namespace] = true
	}
	list := make([]string, 0, len(set))
	for n := range set {
		list = append(list, n)
	}
	sort.Strings(list)
	return list
}
