package watch

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"kubarium/ui/facts"
)

// podChanges are the pods that have changed since they were taken last, each as it is now:
// of thousands, only those are looked at.
type podChanges struct {
	mu  sync.Mutex
	now map[types.NamespacedName]*corev1.Pod // nil is one that is gone
}

func (c *podChanges) put(o *corev1.Pod) {
	c.set(types.NamespacedName{Namespace: o.Namespace, Name: o.Name}, o)
}

func (c *podChanges) set(name types.NamespacedName, o *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		c.now = map[types.NamespacedName]*corev1.Pod{}
	}
	c.now[name] = o
}

func (c *podChanges) take() map[types.NamespacedName]*corev1.Pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now
	c.now = nil
	return now
}

// handler takes down what an informer of pods tells, and calls then.
func (c *podChanges) handler(then func()) cache.ResourceEventHandler {
	put := func(obj any) {
		if o, ok := obj.(*corev1.Pod); ok {
			c.put(o)
			then()
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, obj any) { put(obj) },
		DeleteFunc: func(obj any) {
			if name, err := cache.DeletionHandlingObjectToName(obj); err == nil {
				c.set(types.NamespacedName{Namespace: name.Namespace, Name: name.Name}, nil)
				then()
			}
		},
	}
}

// podFacts is a list of pods, in order, after some of them have changed. The list given
// stays as it is.
func podFacts(last []*facts.Pod, changed map[types.NamespacedName]*corev1.Pod) []*facts.Pod {
	names := make([]types.NamespacedName, 0, len(changed))
	for name := range changed {
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	list := make([]*facts.Pod, 0, len(last)+len(names))
	for _, name := range names {
		i, there := slices.BinarySearchFunc(last, name, func(p *facts.Pod, name types.NamespacedName) int {
			return compareNames(nameOf(p), name)
		})
		list = append(list, last[:i]...)
		if o := changed[name]; o != nil {
			list = append(list, facts.NewPod(o))
		}
		if there {
			i++
		}
		last = last[i:]
	}
	return append(list, last...)
}

func nameOf(p *facts.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: p.Object.Namespace, Name: p.Object.Name}
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

func byName(a, b *facts.Pod) int { return compareNames(nameOf(a), nameOf(b)) }

// withPods is nodes that are the same, whose pods are now others: only the nodes that these
// are on are looked at again.
func withPods(nodes []*facts.Node, before, now []*facts.Pod) []*facts.Node {
	type difference struct {
		gone  map[*facts.Pod]bool
		fresh []*facts.Pod
	}
	on := map[string]*difference{}
	at := func(p *facts.Pod) *difference {
		name := p.Object.Spec.NodeName
		if on[name] == nil {
			on[name] = &difference{gone: map[*facts.Pod]bool{}}
		}
		return on[name]
	}
	for i, j := 0, 0; i < len(before) || j < len(now); {
		switch {
		case i < len(before) && j < len(now) && before[i] == now[j]:
			i, j = i+1, j+1
		case j == len(now) || i < len(before) && byName(before[i], now[j]) < 0:
			at(before[i]).gone[before[i]] = true
			i++
		default:
			d := at(now[j])
			d.fresh = append(d.fresh, now[j])
			j++
		}
	}
	if len(on) == 0 {
		return nodes
	}
	list := slices.Clone(nodes)
	for i, n := range list {
		if d := on[n.Object.Name]; d != nil {
			pods := slices.DeleteFunc(slices.Clone(n.Pods), func(p *facts.Pod) bool { return d.gone[p] })
			pods = append(pods, d.fresh...)
			slices.SortFunc(pods, byName)
			list[i] = facts.NewNode(n.Object, pods)
		}
	}
	return list
}
