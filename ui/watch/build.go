package watch

import (
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
)

// builder makes each snapshot out of the last one and what has changed since.
type builder struct {
	from *feed
	last Snapshot
	// seen keeps the facts of pods whose object is still the same.
	seen map[*corev1.Pod]*facts.Pod
}

func (f *feed) build() *Snapshot {
	changed := kind(f.changed.Swap(0))
	s := f.builder.last
	b := &f.builder
	if changed&pods != 0 {
		s.Pods = b.pods()
	}
	if changed&(nodes|pods) != 0 {
		s.Nodes = b.nodes(s.Pods)
	}
	if changed&(services|slices) != 0 {
		s.Services = b.services()
	}
	if changed&deployments != 0 {
		s.Deployments, _ = f.factory.Apps().V1().Deployments().Lister().List(labels.Everything())
		facts.ByName(s.Deployments, func(o *appsv1.Deployment) (string, string) { return o.Namespace, o.Name })
	}
	if changed&replicaSets != 0 {
		s.ReplicaSets, _ = f.factory.Apps().V1().ReplicaSets().Lister().List(labels.Everything())
		facts.ByName(s.ReplicaSets, func(o *appsv1.ReplicaSet) (string, string) { return o.Namespace, o.Name })
	}
	if changed&events != 0 {
		s.Events = f.events.list()
	}
	if changed&^(events|nodes) != 0 {
		s.Namespaces = namespaces(&s)
	}
	b.last = s
	return &s
}

func (b *builder) pods() []*facts.Pod {
	objects, _ := b.from.factory.Core().V1().Pods().Lister().List(labels.Everything())
	seen := make(map[*corev1.Pod]*facts.Pod, len(objects))
	list := make([]*facts.Pod, 0, len(objects))
	for _, o := range objects {
		f := b.seen[o]
		if f == nil {
			f = facts.NewPod(o)
		}
		seen[o] = f
		list = append(list, f)
	}
	b.seen = seen
	facts.ByName(list, func(p *facts.Pod) (string, string) { return p.Object.Namespace, p.Object.Name })
	return list
}

func (b *builder) nodes(pods []*facts.Pod) []*facts.Node {
	on := map[string][]*facts.Pod{}
	for _, p := range pods {
		if n := p.Object.Spec.NodeName; n != "" {
			on[n] = append(on[n], p)
		}
	}
	objects, _ := b.from.factory.Core().V1().Nodes().Lister().List(labels.Everything())
	list := make([]*facts.Node, 0, len(objects))
	for _, o := range objects {
		list = append(list, facts.NewNode(o, on[o.Name]))
	}
	facts.ByName(list, func(n *facts.Node) (string, string) { return "", n.Object.Name })
	return list
}

func (b *builder) services() []*facts.Service {
	of := map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	ends, _ := b.from.factory.Discovery().V1().EndpointSlices().Lister().List(labels.Everything())
	for _, e := range ends {
		key := types.NamespacedName{Namespace: e.Namespace, Name: e.Labels[discoveryv1.LabelServiceName]}
		of[key] = append(of[key], e)
	}
	objects, _ := b.from.factory.Core().V1().Services().Lister().List(labels.Everything())
	list := make([]*facts.Service, 0, len(objects))
	for _, o := range objects {
		key := types.NamespacedName{Namespace: o.Namespace, Name: o.Name}
		list = append(list, facts.NewService(o, of[key]))
	}
	facts.ByName(list, func(s *facts.Service) (string, string) { return s.Object.Namespace, s.Object.Name })
	return list
}

func namespaces(s *Snapshot) []string {
	set := map[string]bool{"default": true}
	for _, p := range s.Pods {
		set[p.Object.Namespace] = true
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
