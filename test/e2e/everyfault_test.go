package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
)

// TestLongEveryFault injects each fault of the catalogue three times, those of components
// for each component. It is seen to work and is healed, and the last time its time ends;
// each time the cluster has to be whole again, with nothing of the fault left.
func TestLongEveryFault(t *testing.T) {
	long(t)
	c := newCluster(t, "broken", 3, "--etcd-members", "3")
	c.kubectl(t, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=3")
	c.kubectl(t, "rollout", "status", "deployment/web", "--timeout=120s")
	had := c.limits(t)
	for _, f := range fault.Catalogue() {
		t.Run(f.Name, func(t *testing.T) {
			rounds := 3
			if f.Target == componentTarget {
				rounds = len(breakable()) + 1
			}
			for round := range rounds {
				// Containers that end often wait for longer and longer: new ones do not.
				c.kubectl(t, "rollout", "restart", "deployment/web")
				c.awaitWhole(t)
				began := time.Now()
				c.breakOnce(t, f, round, round == rounds-1)
				c.awaitWhole(t)
				c.awaitNoTrace(t, had)
				t.Logf("round %d: broken and whole again after %s", round+1, time.Since(began).Round(time.Second))
			}
		})
	}
}

// breakOnce injects a fault and heals it once its effect is there, or has it end by itself.
func (c *testCluster) breakOnce(t *testing.T, f fault.Fault, round int, byItself bool) {
	t.Helper()
	const lasts = 8 * time.Second
	order := fault.Order{Name: f.Name, Target: c.targetOf(t, f, round)}
	switch {
	case f.Once():
	case byItself:
		order.For = lasts
	default:
		// Long enough to see its effect.
		order.For = 5 * time.Minute
	}
	if f.Name == "node-slow" {
		order.Params = map[string]string{"rate": "5000"}
	}
	effect := c.effectOf(t, order)
	active, err := c.control().InjectFault(bounded(t), order)
	if err != nil {
		t.Fatalf("inject %+v: %v", order, err)
	}
	// A daemon that crashed is started by its node: there is nothing to heal.
	once := active.Until.IsZero()
	if !byItself || once {
		eventually(t, "effect of "+order.Name+" "+order.Target, effect)
	}
	if once {
		return
	}
	if !byItself {
		// For as long as it takes the cluster to notice.
		time.Sleep(lasts)
		if healed, err := c.control().HealFaults(bounded(t), f.Name, order.Target); err != nil || len(healed) != 1 {
			t.Fatalf("heal %+v: %v, %v", order, healed, err)
		}
		return
	}
	eventually(t, "end of the fault by itself", func(ctx context.Context) error {
		active, err := c.control().Faults(ctx)
		if err != nil || len(active) > 0 {
			return fmt.Errorf("active: %+v: %w", active, err)
		}
		return nil
	})
}

// componentTarget is what the catalogue calls a component, and breakable are all that there
// are in each cluster.
const componentTarget = "COMPONENT|NODE/DAEMON"

func breakable() []string {
	return []string{
		"kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd",
		"NODE/kubelet", "NODE/containerd", "NODE/kube-proxy", "NODE/network-policy",
	}
}

// node1to3 is another node each round.
func node1to3(round int) string { return fmt.Sprintf("node-%d", round%3+1) }

// targetOf is what there is to break of the kind: another one each round.
func (c *testCluster) targetOf(t *testing.T, f fault.Fault, round int) string {
	t.Helper()
	node, other := node1to3(round), node1to3(round+1)
	switch f.Target {
	case "NODE":
		return node
	case "[NAMESPACE/]POD[/CONTAINER]", "POD|NODE,POD|NODE":
		list, err := c.client.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{LabelSelector: "app=web"})
		// Those of before the last rollout may be about to end.
		pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
		if err != nil || len(pods) == 0 {
			t.Fatalf("pods: %v", err)
		}
		pod := pods[round%len(pods)].Name
		switch {
		case f.Target != "POD|NODE,POD|NODE":
			return pod
		case round == 0:
			return node + "," + other
		}
		return pod + "," + other
	case "IMAGE|all":
		return []string{"kubarium/web:1.0", "all", "kubarium/toolbox:1.0"}[round]
	case componentTarget:
		target := breakable()[round%len(breakable())]
		return strings.Replace(target, "NODE", node1to3(round), 1)
	case "etcd", fault.WholeCluster:
		return f.Target
	case "NAME":
		return "web.default.svc.cluster.local"
	}
	t.Fatalf("nobody knows what to do %s to: %s", f.Name, f.Target)
	return ""
}

// awaitWhole waits until nothing is broken: components, nodes, Deployments and pods. What
// takes longest is a container's back-off.
func (c *testCluster) awaitWhole(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Minute)
	defer cancel()
	lacked := ""
	for {
		err := c.whole(ctx)
		if err == nil {
			return
		}
		if err.Error() != lacked {
			lacked = err.Error()
			t.Logf("%s: not whole yet: %s", time.Now().Format(time.TimeOnly), lacked)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the cluster is not whole: %v", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c *testCluster) whole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	info, err := c.control().Info(ctx)
	if err != nil {
		return err
	}
	for _, part := range info.Components {
		if part.State != component.Ready {
			return fmt.Errorf("%s is %s: %s", part.Name, part.State, part.Message)
		}
	}
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if len(n.Spec.Taints) > 0 {
			return fmt.Errorf("%s has taints %v", n.Name, n.Spec.Taints)
		}
		for _, condition := range n.Status.Conditions {
			if (condition.Type == corev1.NodeReady) != (condition.Status == corev1.ConditionTrue) {
				return fmt.Errorf("%s: %s is %s", n.Name, condition.Type, condition.Status)
			}
		}
	}
	deployments, err := c.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, d := range deployments.Items {
		if want := *d.Spec.Replicas; d.Status.ObservedGeneration != d.Generation || d.Status.AvailableReplicas != want || d.Status.UpdatedReplicas != want || d.Status.Replicas != want {
			return fmt.Errorf("deployment %s: %+v", d.Name, d.Status)
		}
	}
	if len(deployments.Items) == 0 {
		return errors.New("the deployments are gone")
	}
	return nil
}
