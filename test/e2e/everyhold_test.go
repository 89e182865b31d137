package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/cluster/hold"
)

// TestHoldsChangeNothing does the same twice: undisturbed, and while each component is held
// and released again and again. In the end both are the same.
func TestHoldsChangeNothing(t *testing.T) {
	holdsChangeNothing(t, shared, 3)
}

// TestLongHolds is TestHoldsChangeNothing with a hundred holds of each.
func TestLongHolds(t *testing.T) {
	long(t)
	holdsChangeNothing(t, shared, 100)
}

func holdsChangeNothing(t *testing.T, c *testCluster, times int) {
	t.Helper()
	t.Cleanup(func() { release(t, "") })
	// Both in one test: the second is nothing without the first, also when it is run once more.
	undisturbed := c.namespaceNamed(t, "undisturbed")
	c.churn(t, undisturbed, func(step int) bool { return step < 40 })
	want := c.finalState(t, undisturbed)
	held, done := c.namespaceNamed(t, "held"), make(chan struct{})
	go func() {
		defer close(done)
		holdEach(t, held, times)
	}()
	// It goes on for as long as something is held, and ends as the other did.
	c.churn(t, held, func(step int) bool {
		select {
		case <-done:
			return step%80 != 40
		default:
			return true
		}
	})
	if got := c.finalState(t, held); got != want {
		t.Errorf("after %d holds of each component:\n%s\nundisturbed:\n%s", times, got, want)
	}
	if state, err := shared.control().Holds(bounded(t)); err != nil || len(state.Waiting) > 0 || len(state.Rules) > 0 || state.Passed == 0 {
		t.Errorf("in the end: %+v, %v", state, err)
	}
}

// holdEach holds and releases those who write in the namespace, one after the other. Each
// has to have held something, the first time at least.
func holdEach(t *testing.T, ns string, times int) {
	held := map[string]int{}
	for i := range times {
		for _, name := range []string{
			"kube-scheduler", "kube-controller-manager", "kubelet", "deployment-controller", "node-1", "writes",
			"cloud-controller-manager", "storage-provisioner",
		} {
			rule := hold.Rule{Name: name, Namespace: ns}
			if name == "storage-provisioner" {
				// Volumes are in no namespace.
				rule.Namespace = ""
			}
			held[name] += holdOnce(t, rule, time.Duration(100+i%5*100)*time.Millisecond, i%3, held[name] == 0)
		}
	}
	t.Logf("let through after they had waited: %v", held)
	for name, requests := range held {
		if requests == 0 {
			t.Errorf("%s was held %d times, and nothing waited", name, times)
		}
	}
}

// holdOnce holds for a time, lets some requests through one by one, and then all. It returns
// how many it let through that had waited by this rule. If one has to wait, it holds for as
// long as that takes.
func holdOnce(t *testing.T, rule hold.Rule, lasts time.Duration, steps int, mustWait bool) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := shared.control().Hold(ctx, rule); err != nil {
		t.Error(err)
		return 0
	}
	if mustWait {
		awaitHeld(ctx, t, rule.Name)
	}
	var passed []hold.Waiting
	for range steps {
		time.Sleep(lasts / 3)
		some, err := shared.control().Step(ctx, rule.Name, 1)
		if err != nil {
			t.Error(err)
		}
		passed = append(passed, some...)
	}
	time.Sleep(lasts)
	rest, err := shared.control().Release(ctx, rule.Name)
	if err != nil {
		t.Error(err)
	}
	n := 0
	for _, w := range append(passed, rest...) {
		if w.Rule == rule.Name && w.Namespace == rule.Namespace {
			n++
		}
	}
	return n
}

// awaitHeld waits until a request waits by the rule, but leaves time to release it.
func awaitHeld(ctx context.Context, t *testing.T, rule string) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		state, err := shared.control().Holds(ctx)
		if err == nil && slices.ContainsFunc(state.Waiting, func(w hold.Waiting) bool { return w.Rule == rule }) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("nothing waits by the rule %s", rule)
}

// churn changes the objects of a namespace while it may go on, so that each component has
// something to write. What it leaves depends on the number of steps only, and repeats after 80.
func (c *testCluster) churn(t *testing.T, ns string, goOn func(step int) bool) {
	t.Helper()
	c.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=1")
	c.kubectl(t, "-n", ns, "expose", "deployment", "web", "--port=80", "--target-port=8080")
	for step := 0; goOn(step); step++ {
		ctx := bounded(t)
		replicas := int32(1 + step%4)
		retried(t, "scale", func() error {
			scale, err := c.client.AppsV1().Deployments(ns).GetScale(ctx, "web", metav1.GetOptions{})
			if err == nil {
				scale.Spec.Replicas = replicas
				_, err = c.client.AppsV1().Deployments(ns).UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
			}
			return err
		})
		name := fmt.Sprintf("map-%d", step%8)
		if step/8%2 == 0 {
			retried(t, "create", func() error {
				_, err := c.client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"n": fmt.Sprint(step % 40)}}, metav1.CreateOptions{})
				return err
			})
		} else {
			retried(t, "delete", func() error { return c.client.CoreV1().ConfigMaps(ns).Delete(ctx, name, metav1.DeleteOptions{}) })
		}
		switch step % 20 {
		case 0:
			c.expose(t, ns, corev1.ServiceTypeLoadBalancer)
			c.apply(t, ns, strings.ReplaceAll(claimed, "NAME", fmt.Sprint("claimed-", step)))
		case 10:
			c.expose(t, ns, corev1.ServiceTypeClusterIP)
			c.kubectl(t, "-n", ns, "delete", "--wait=false", "pod,persistentvolumeclaim", "-l", "churn=claimed")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// claimed is a pod with a volume, each time of another name.
const claimed = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME, labels: {churn: claimed}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {churn: claimed}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "kubarium/toolbox:1.0", command: [sleep, "1000"], volumeMounts: [{name: d, mountPath: /data}]}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: NAME}}]
`

// expose makes the namespace's Service one of another type.
func (c *testCluster) expose(t *testing.T, ns string, as corev1.ServiceType) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"type":%q}}`, as)
	if _, err := c.client.CoreV1().Services(ns).Patch(bounded(t), "web", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// retried tries again what somebody else's write was in the way of.
func retried(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for range 20 {
		if err = f(); err == nil || !strings.Contains(err.Error(), "modified") {
			break
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// finalState is what a namespace has come to, without names and times that differ.
func (c *testCluster) finalState(t *testing.T, ns string) string {
	t.Helper()
	c.kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=300s")
	state, before := "", ""
	eventually(t, "a state that stays", func(ctx context.Context) error {
		before = state
		state = c.stateOf(ctx, ns)
		// The endpoints come up to a second after the pods, and later where the processors are wanted.
		behind := strings.Count(state, "pod Running") != strings.Count(state, "\nendpoint ready")
		if strings.Contains(state, "deleted") || behind || state != before {
			return fmt.Errorf("now:\n%s\nbefore:\n%s", state, before)
		}
		return nil
	})
	return state
}

func (c *testCluster) stateOf(ctx context.Context, ns string) string {
	var lines []string
	add := func(format string, values ...any) { lines = append(lines, fmt.Sprintf(format, values...)) }
	maps, err := c.client.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{})
	for _, m := range maps.Items {
		if m.Name != "kube-root-ca.crt" {
			add("configmap %s %v", m.Name, m.Data)
		}
	}
	add("%v", err)
	sets, err := c.client.AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{})
	for _, s := range sets.Items {
		add("replicaset %d of %d ready", s.Status.ReadyReplicas, *s.Spec.Replicas)
	}
	add("%v", err)
	pods, err := c.client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
	for _, p := range pods.Items {
		deleted := ""
		if p.DeletionTimestamp != nil {
			deleted = "deleted"
		}
		add("pod %s bound %t %s", p.Status.Phase, p.Spec.NodeName != "", deleted)
	}
	add("%v", err)
	slicesOf, err := c.client.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{})
	for _, s := range slicesOf.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				add("endpoint ready")
			} else {
				add("endpoint not ready")
			}
		}
	}
	add("%v", err)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
