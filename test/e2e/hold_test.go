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

	"kubarium/cluster/component"
	"kubarium/cluster/hold"
)

// TestHold has requests wait, lets them through, and sees that nothing is lost.
func TestHold(t *testing.T) {
	ns := shared.namespace(t)
	t.Cleanup(func() { release(t, "") })
	t.Run("bindings", func(t *testing.T) {
		holdRule(t, hold.Rule{Name: "bindings", Namespace: ns})
		for _, name := range []string{"first", "second"} {
			shared.kubectl(t, "-n", ns, "run", name, "--image=kubarium/web:1.0")
		}
		waiting := awaitWaiting(t, 2)
		for _, w := range waiting {
			if w.User != "system:kube-scheduler" || !strings.HasPrefix(w.Does, "bind "+w.Name+" to node-") {
				t.Errorf("it waits: %+v", w)
			}
		}
		stepped, err := shared.control().Step(bounded(t), "bindings", 1)
		if err != nil || len(stepped) != 1 {
			t.Fatalf("step: %v, %v", stepped, err)
		}
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/"+stepped[0].Name, "--timeout=60s")
		// It went where it was said to go, and the other one nowhere.
		for _, w := range waiting {
			pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), w.Name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if w.Name == stepped[0].Name {
				want = strings.TrimPrefix(w.Does, "bind "+w.Name+" to ")
			}
			if pod.Spec.NodeName != want {
				t.Errorf("%s is on %q, want %q", w.Name, pod.Spec.NodeName, want)
			}
		}
		release(t, "bindings")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
	})
	t.Run("pod-creations", func(t *testing.T) {
		holdRule(t, hold.Rule{Name: "pod-creations", Namespace: ns})
		shared.kubectl(t, "-n", ns, "create", "deployment", "stepped", "--image=kubarium/web:1.0", "--replicas=2")
		if w := awaitWaiting(t, 1)[0]; !strings.HasSuffix(w.User, ":replicaset-controller") || !strings.Contains(w.Does, "create pods stepped-") || !strings.HasSuffix(w.Does, " of image kubarium/web:1.0") {
			t.Errorf("it waits: %+v", w)
		}
		pods := func() int {
			return strings.Count(shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=stepped", "-o", "name"), "pod/")
		}
		for made := range 2 {
			awaitWaiting(t, 1)
			if n := pods(); n != made {
				t.Errorf("after %d steps there are %d pods", made, n)
			}
			if stepped, err := shared.control().Step(bounded(t), "pod-creations", 1); err != nil || len(stepped) != 1 {
				t.Fatalf("step: %v, %v", stepped, err)
			}
			eventually(t, "pod of this step", func(context.Context) error {
				if n := pods(); n != made+1 {
					return fmt.Errorf("%d pods", n)
				}
				return nil
			})
		}
		release(t, "pod-creations")
		shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/stepped", "--timeout=100s")
	})
	t.Run("status-updates", func(t *testing.T) {
		holdRule(t, hold.Rule{Name: "status-updates", Namespace: ns})
		shared.kubectl(t, "-n", ns, "run", "silent", "--image=kubarium/web:1.0", "--overrides", `{"spec":{"nodeName":"node-1"}}`)
		// A kubelet may still have a word on a pod of before.
		told := awaitWaitingWhich(t, func(waiting []hold.Waiting) bool {
			return slices.ContainsFunc(waiting, func(w hold.Waiting) bool { return w.Name == "silent" })
		})
		for _, w := range told {
			if w.Name == "silent" && (w.User != "system:node:node-1" || !strings.HasPrefix(w.Does, "patch pods/status silent: {")) {
				t.Errorf("it waits: %+v", w)
			}
		}
		if phase := shared.kubectl(t, "-n", ns, "get", "pod", "silent", "-o", "jsonpath={.status.phase}{.status.conditions}"); phase != "Pending" {
			t.Errorf("what nobody could tell is known: %s", phase)
		}
		release(t, "status-updates")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/silent", "--timeout=100s")
	})
	t.Run("come again", func(t *testing.T) {
		// A client with little patience is sent away in time, and comes again.
		holdRule(t, hold.Rule{Name: "writes", Namespace: ns})
		created := make(chan error, 1)
		go func() {
			created <- shared.client.CoreV1().RESTClient().Post().Namespace(ns).Resource("configmaps").Param("timeout", "2s").
				Body(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "patient"}}).Do(bounded(t)).Error()
		}()
		eventually(t, "second attempt", func(ctx context.Context) error {
			state, err := shared.control().Holds(ctx)
			if err != nil || state.Returned == 0 || len(state.Waiting) == 0 {
				return fmt.Errorf("held: %+v: %w", state, err)
			}
			return nil
		})
		release(t, "writes")
		if err := <-created; err != nil {
			t.Errorf("create: %v", err)
		}
	})
	t.Run("controller", func(t *testing.T) {
		holdRule(t, hold.Rule{Name: "replicaset-controller", Namespace: ns})
		shared.kubectl(t, "-n", ns, "create", "deployment", "made", "--image=kubarium/web:1.0", "--replicas=3")
		awaitWaiting(t, 1)
		// A restart of the API server lets go of what waits; it comes again.
		for _, action := range []string{"stop", "start"} {
			if err := shared.control().Component(bounded(t), "kube-apiserver", action); err != nil {
				t.Fatal(err)
			}
		}
		awaitWaiting(t, 1)
		release(t, "replicaset-controller")
		shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/made", "--timeout=100s")
		if out := shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=made", "-o", "name"); strings.Count(out, "pod/") != 3 {
			t.Errorf("pods of three replicas:\n%s", out)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		for name, want := range map[string]string{"scheduler": "kube-scheduler", "kube-proxy": "component-stop NODE/kube-proxy"} {
			if out, code := shared.try(t, "hold", name); code == 0 || !strings.Contains(out, want) {
				t.Errorf("hold %s says %q", name, out)
			}
		}
	})
	t.Run("rate", func(t *testing.T) {
		passed := func() uint64 {
			t.Helper()
			state, err := shared.control().Holds(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			return state.Passed
		}
		before := passed()
		if out := shared.kubarium(t, "hold", "kube-scheduler", "--rate", "1/5"); !strings.Contains(out, "kube-scheduler held") {
			t.Errorf("hold says %q", out)
		}
		shared.kubectl(t, "-n", ns, "run", "slow", "--image=kubarium/web:1.0")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/slow", "--timeout=100s")
		if passed() == before {
			t.Error("the scheduler's binding went by without a wait")
		}
		if out := shared.kubarium(t, "hold", "list"); !strings.Contains(out, "at 0.2 of its speed") {
			t.Errorf("hold list says %q", out)
		}
		shared.kubarium(t, "release", "--all")
	})
}

// TestLongHold holds components for longer than any request waits.
func TestLongHold(t *testing.T) {
	long(t)
	ns := shared.namespace(t)
	t.Cleanup(func() { release(t, "") })
	names := []string{"kube-scheduler", "kube-controller-manager", "kubelet"}
	for _, name := range names {
		holdRule(t, hold.Rule{Name: name})
	}
	shared.kubectl(t, "-n", ns, "create", "deployment", "held", "--image=kubarium/web:1.0", "--replicas=3")
	time.Sleep(150 * time.Second)
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "node-1", "node-2", "node-3"} {
		if state := stateOf(t, name); state.State != component.Ready {
			t.Errorf("%s is %s: %s", name, state.State, state.Message)
		}
	}
	if state, err := shared.control().Holds(bounded(t)); err != nil || state.Returned == 0 {
		t.Errorf("nothing was sent away: %+v, %v", state, err)
	}
	release(t, "")
	shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/held", "--timeout=100s")
}

func holdRule(t *testing.T, rule hold.Rule) {
	t.Helper()
	if err := shared.control().Hold(bounded(t), rule); err != nil {
		t.Fatal(err)
	}
}

func release(t *testing.T, rule string) {
	t.Helper()
	if _, err := shared.control().Release(bounded(t), rule); err != nil {
		t.Error(err)
	}
}

// awaitWaiting waits until at least n requests wait, and returns them.
func awaitWaiting(t *testing.T, n int) []hold.Waiting {
	t.Helper()
	return awaitWaitingWhich(t, func(waiting []hold.Waiting) bool { return len(waiting) >= n })
}

// awaitWaitingWhich waits until the requests that wait are the wanted ones, and returns them.
func awaitWaitingWhich(t *testing.T, wanted func([]hold.Waiting) bool) []hold.Waiting {
	t.Helper()
	var state hold.State
	eventually(t, "requests that wait", func(ctx context.Context) error {
		var err error
		if state, err = shared.control().Holds(ctx); err != nil || !wanted(state.Waiting) {
			return fmt.Errorf("%+v wait: %w", state.Waiting, err)
		}
		return nil
	})
	return state.Waiting
}
