package watch

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"kubarium/ui/facts"
)

// TestStepsLeadWhereAWholeLookDoes changes pods at random, and compares what was made out
// of the last list with what is made of nothing.
func TestStepsLeadWhereAWholeLookDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var nodes []*corev1.Node
	for i := range 5 {
		nodes = append(nodes, node(fmt.Sprintf("node-%d", i)))
	}
	now := map[types.NamespacedName]*corev1.Pod{}
	var (
		last   []*facts.Pod
		pods   podChanges
		before []*facts.Pod
		on     = nodeFacts(nodes, nil)
	)
	tell := pods.handler(func() {})
	for step := range 500 {
		for range random.IntN(6) {
			name := types.NamespacedName{Namespace: fmt.Sprintf("team-%d", random.IntN(2)), Name: fmt.Sprintf("p%02d", random.IntN(40))}
			switch random.IntN(3) {
			case 0: // as an informer that has missed when it was deleted
				delete(now, name)
				tell.OnDelete(cache.DeletedFinalStateUnknown{Key: name.String()})
			default:
				p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
				if n := random.IntN(6); n < 5 {
					p.Spec.NodeName = nodes[n].Name
				}
				tell.OnUpdate(now[name], p)
				now[name] = p
			}
		}
		all := []runtime.Object{}
		for _, p := range now { // in no order
			all = append(all, p)
		}
		for _, n := range nodes {
			all = append(all, n)
		}
		last = podFacts(last, pods.take())
		on = withPods(on, before, last)
		before = last
		want := New(all...)
		if len(last)+len(want.Pods) > 0 && !reflect.DeepEqual(last, want.Pods) {
			t.Fatalf("step %d: other pods", step)
		}
		for i, n := range want.Nodes {
			if len(n.Pods)+len(on[i].Pods) > 0 && !reflect.DeepEqual(on[i].Pods, n.Pods) || on[i].CPU != n.CPU {
				t.Fatalf("step %d: %s has %d pods, not %d", step, n.Object.Name, len(on[i].Pods), len(n.Pods))
			}
		}
	}
}
