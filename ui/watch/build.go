package watch

import (
	"slices"
	"sort"
	"strings"

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
		objects, _ := core.Pods().Lister().List(labels.Everything())
		f.pods, f.seen = podFacts(objects, f.pods, f.seen)
	}
	if changed&events != 0 {
		s.Events = f.events.list()
	}
	pulled := f.pulling
	if changed&(pods|events) != 0 {
		s.Pods, f.pulling = withPulls(f.pods, s.Events)
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
		s.Namespaces = namespaces(&s)
	}
	f.last = s
	return &s
}

// New is the snapshot of a cluster that holds these objects.
func New(objects ...runtime.Object) *Snapshot {
	s := &Snapshot{}
	store := newEventStore(func() {})
	var (
		pods     []*corev1.Pod
		nodes    []*corev1.Node
		services []*corev1.Service
		ends     []*discoveryv1.EndpointSlice
	)
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Pod:
			pods = append(pods, o)
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
		case *corev1.Event:
			_ = store.Add(o)
		}
	}
	s.Events = store.list()
	s.Pods, _ = podFacts(pods, nil, nil)
	s.Pods, _ = withPulls(s.Pods, s.Events)
	s.Nodes = nodeFacts(nodes, s.Pods)
	s.Services = serviceFacts(services, ends)
	sortDeployments(s.Deployments)
	sortReplicaSets(s.ReplicaSets)
	s.Namespaces = namespaces(s)
	return s
}

// podFacts looks at pods, and puts them in order. Those whose object is the same as last
// time were seen already, and have their place in the last list.
func podFacts(objects []*corev1.Pod, last []*facts.Pod, seen map[*corev1.Pod]int) ([]*facts.Pod, map[*corev1.Pod]int) {
	var fresh []*facts.Pod
	same := make([]*facts.Pod, len(last))
	for _, o := range objects {
		if i, ok := seen[o]; ok {
			same[i] = last[i]
		} else {
			fresh = append(fresh, facts.NewPod(o))
		}
	}
	facts.ByName(fresh, func(p *facts.Pod) (string, string) { return p.Object.Namespace, p.Object.Name })
	same = slices.DeleteFunc(same, func(p *facts.Pod) bool { return p == nil })
	list := make([]*facts.Pod, 0, len(objects))
	for _, p := range fresh {
		i, _ := slices.BinarySearchFunc(same, p, byName)
		list = append(append(list, same[:i]...), p)
		same = same[i:]
	}
	list = append(list, same...)
	now := make(map[*corev1.Pod]int, len(list))
	for i, p := range list {
		now[p.Object] = i
	}
	return list, now
}

func byName(a, b *facts.Pod) int {
	if c := strings.Compare(a.Object.Namespace, b.Object.Namespace); c != 0 {
		return c
	}
	return strings.Compare(a.Object.Name, b.Object.Name)
}

// withPods is nodes that are the same, whose pods are now others: only the nodes that these
// are on are looked at again.
func withPods(nodes []*facts.Node, before, now []*facts.Pod) []*facts.Node {
	on := map[string][]*facts.Pod{}
	touch := func(p *facts.Pod) {
		if n := p.Object.Spec.NodeName; n != "" {
			on[n] = nil
		}
	}
	for i, j := 0, 0; i < len(before) || j < len(now); {
		switch {
		case j == len(now) || i < len(before) && before[i] != now[j] && byName(before[i], now[j]) < 0:
			touch(before[i])
			i++
		case i == len(before) || before[i] != now[j]:
			touch(now[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	if len(on) == 0 {
		return nodes
	}
	for _, p := range now {
		if list, ok := on[p.Object.Spec.NodeName]; ok {
			on[p.Object.Spec.NodeName] = append(list, p)
		}
	}
	list := slices.Clone(nodes)
	for i, n := range list {
		if pods, ok := on[n.Object.Name]; ok {
			list[i] = facts.NewNode(n.Object, pods)
		}
	}
	return list
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

// namespaces are those that hold something, and the default one.
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
