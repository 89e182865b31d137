package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ready returns an error unless the pod is there, ready, and was restarted so often.
func (c *testCluster) ready(ctx context.Context, ns, name string, restarts int32) error {
	pod, err := c.client.CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s := pod.Status.ContainerStatuses
	if pod.Status.Phase != corev1.PodRunning || len(s) != 1 || s[0].RestartCount != restarts || !s[0].Ready {
		return fmt.Errorf("phase %s, container status %+v", pod.Status.Phase, s)
	}
	return nil
}

// TestOwnClusters runs what needs a cluster of its own. There is but one, or two, at a
// time: kernels are stingy with what each takes, inotify instances above all.
func TestOwnClusters(t *testing.T) {
	t.Parallel()
	t.Run("node comes and goes", nodeComesAndGoes)
	t.Run("nothing is left behind", nothingIsLeftBehind)
	t.Run("the app", theApp)
	t.Run("restart is a reboot", restartIsAReboot)
	t.Run("side by side", sideBySide)
	t.Run("add-ons are left out", addOnsAreLeftOut)
	t.Run("kills lose nothing", killsLoseNothing)
	t.Run("services outlive machines", servicesOutliveMachines)
	t.Run("certificates are renewed", certificatesAreRenewed)
}

// nodeComesAndGoes adds, kills, starts, stops and removes a node.
func nodeComesAndGoes(t *testing.T) {
	c := newCluster(t, "nodes", 1)
	added := strings.TrimPrefix(strings.Fields(c.kubarium(t, "node", "add"))[0], "node/")
	c.kubectl(t, "wait", "--for=create", "node/"+added, "--timeout=60s")
	c.kubectl(t, "wait", "--for=condition=Ready", "node/"+added, "--timeout=60s")
	c.runOn(t, "default", "there", added, "kubarium/web:1.0")
	c.runOn(t, "default", "here", "node-1", "kubarium/web:1.0")
	if running := c.processes(t, added); len(running) == 0 {
		t.Error("the running node's processes are not found by its cgroup")
	}
	c.kubarium(t, "node", "kill", added)
	if left := c.processes(t, added); len(left) > 0 {
		t.Errorf("processes left of the killed node: %v", left)
	}
	if out, code := c.try(t, "node", "kill", added); code != 1 || !strings.Contains(out, "off already") {
		t.Errorf("kill of a node that is off: exit code %d, %s", code, out)
	}
	if out := c.kubarium(t, "node", "ls"); !strings.Contains(out, added+"   Stopped") {
		t.Errorf("node ls does not tell that %s is off:\n%s", added, out)
	}
	// The control plane learns of it by the heartbeats that are missing.
	c.kubectl(t, "wait", "--for=condition=Ready=Unknown", "node/"+added, "--timeout=110s")
	c.kubectl(t, "wait", "--for=condition=Ready=False", "pod/there", "--timeout=60s")
	if err := c.ready(bounded(t), "default", "here", 0); err != nil {
		t.Errorf("the pod on the other node: %v", err)
	}
	c.kubarium(t, "node", "start", added)
	c.kubectl(t, "wait", "--for=condition=Ready", "node/"+added, "--timeout=60s")
	eventually(t, "pod after the power cut", func(ctx context.Context) error { return c.ready(ctx, "default", "there", 1) })
	// Nothing of the old machine may touch the new one, which is there a moment later.
	for range 5 {
		for _, action := range []string{"kill", "start"} {
			if err := c.control().Node(bounded(t), added, action); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "node that was killed and started at once", func(ctx context.Context) error { return c.state(ctx, added, "Ready") })
	c.kubarium(t, "node", "stop", added)
	if left := c.processes(t, added); len(left) > 0 {
		t.Errorf("processes left of the stopped node: %v", left)
	}
	// What is off stays off when the cluster starts again.
	c.end(t, syscall.SIGTERM)
	c.again(t)
	if out := c.kubarium(t, "node", "ls"); !strings.Contains(out, added+"   Stopped") {
		t.Errorf("%s is not off after a new start:\n%s", added, out)
	}
	c.kubarium(t, "node", "rm", added)
	if out, code := c.try(t, "kubectl", "get", "node", added); code == 0 {
		t.Errorf("the removed node is there: %s", out)
	}
	if _, err := os.Stat(c.path("nodes", added)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed node's disk: %v", err)
	}
}

// state returns an error unless the component list has a part in the state.
func (c *testCluster) state(ctx context.Context, name, state string) error {
	info, err := c.control().Info(ctx)
	if err != nil {
		return err
	}
	for _, part := range info.Components {
		if part.Name == name && string(part.State) == state {
			return nil
		}
	}
	return fmt.Errorf("%s is not %s: %+v", name, state, info.Components)
}

// nothingIsLeftBehind ends a cluster in every way, and compares the machine.
func nothingIsLeftBehind(t *testing.T) {
	before, err := look("short")
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, "short", 1)
	c.runOn(t, "default", "web", "node-1", "kubarium/web:1.0")
	before.compare(t, "while the cluster runs", "short", "cgroups")
	if len(c.processes(t, "")) < 3 {
		t.Errorf("the cluster's processes are not found: %v", c.processes(t, ""))
	}
	for i, e := range []struct {
		name string
		end  func()
	}{
		{"SIGTERM", func() { c.end(t, syscall.SIGTERM) }},
		{"SIGINT", func() { c.end(t, syscall.SIGINT) }},
		{"SIGHUP", func() { c.end(t, syscall.SIGHUP) }},
		{"SIGHUP and SIGTERM, again and again", func() {
			if signal := c.signalOften(t, syscall.SIGHUP, syscall.SIGTERM); signal > 0 {
				t.Errorf("a cluster that stops died of %s", signal)
			}
		}},
		{"down", func() { c.kubarium(t, "down"); c.end(t, 0) }},
	} {
		if i > 0 {
			c.again(t)
		}
		e.end()
		before.compare(t, "after "+e.name, "short")
		c.nothingRuns(t, e.name)
	}
	for _, e := range []struct {
		name string
		end  func()
	}{
		{"SIGKILL", func() { c.end(t, syscall.SIGKILL) }},
		{"a second SIGINT", func() {
			if signal := c.signalOften(t, syscall.SIGINT); signal != syscall.SIGINT {
				t.Errorf("interrupted again, it ends in its own time: %s", c.cmd.ProcessState)
			}
		}},
	} {
		c.again(t)
		e.end()
		eventually(t, "end of the nodes after "+e.name, func(context.Context) error {
			if left := c.processes(t, ""); len(left) > 0 {
				return fmt.Errorf("processes %v", left)
			}
			return nil
		})
		before.compare(t, "after "+e.name, "short", "cgroups")
		c.again(t)
		c.end(t, syscall.SIGTERM)
		before.compare(t, "after "+e.name+", a start and a stop", "short")
		c.nothingRuns(t, e.name+", a start and a stop")
	}
	c.kubarium(t, "clean", "--yes")
	if _, err := os.Stat(c.path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state directory after clean: %v", err)
	}
}

// signalOften sends signals in turn until the program has ended, and returns that of which it
// died, if it did.
func (c *testCluster) signalOften(t *testing.T, signals ...syscall.Signal) syscall.Signal {
	t.Helper()
	ended := bounded(t).Done()
	for i := 0; ; i++ {
		if err := c.cmd.Process.Signal(signals[i%len(signals)]); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case <-c.exited:
			if status := c.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
				return status.Signal()
			}
			return 0
		case <-ended:
			t.Fatal("the cluster does not end")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// nothingRuns fails the test when there are processes or temporary files.
func (c *testCluster) nothingRuns(t *testing.T, when string) {
	t.Helper()
	if left := c.processes(t, ""); len(left) > 0 {
		t.Errorf("after %s, processes: %v", when, left)
	}
	if left, err := os.ReadDir(c.temporary()); err != nil || len(left) > 0 {
		t.Errorf("after %s, temporary files %v: %v", when, left, err)
	}
}

// restartIsAReboot proves that a restart keeps objects, and runs the same pods again on their
// nodes, but those of a Job that is done; and that only a reset, once it is confirmed, starts over.
func restartIsAReboot(t *testing.T) {
	c := newCluster(t, "again", 3, "--disable", "ingress,metrics")
	c.kubectl(t, "create", "configmap", "kept", "--from-literal=a=b")
	c.kubectl(t, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=3")
	c.apply(t, "default", keptManifest)
	c.kubectl(t, "create", "job", "once", "--image=kubarium/toolbox:1.0", "--", "true")
	c.kubectl(t, "rollout", "status", "deployment/web", "--timeout=100s")
	c.kubectl(t, "rollout", "status", "statefulset/kept", "--timeout=100s")
	c.kubectl(t, "wait", "--for=condition=Complete", "job/once", "--timeout=100s")
	before := c.placed(t)
	c.end(t, syscall.SIGTERM)
	c.again(t)
	checkKept(t, c)
	for pod := range before {
		if !strings.HasPrefix(pod, "once-") {
			eventually(t, pod+" after the restart", func(ctx context.Context) error { return c.ready(ctx, "default", pod, 1) })
		}
	}
	if after := c.placed(t); !maps.Equal(before, after) {
		t.Errorf("pods before the restart %v, and after %v", before, after)
	}
	ran := c.kubectl(t, "get", "pods", "-l", "job-name=once", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}")
	if ran != "0" {
		t.Errorf("how often the Job's container ran again: %q", ran)
	}
	for _, command := range []string{"reset", "clean"} {
		if out, code := c.try(t, command); code != 1 || !strings.Contains(out, "--yes") {
			t.Errorf("%s without --yes: exit code %d, %s", command, code, out)
		}
	}
	checkKept(t, c)
	c.kubarium(t, "reset", "--yes")
	c.end(t, 0)
	c.again(t)
	if out, code := c.try(t, "kubectl", "get", "configmap", "kept"); code == 0 {
		t.Errorf("the ConfigMap survived a reset: %s", out)
	}
}

// placed returns the UID and the node of each pod, by its name. They must be on all nodes.
func (c *testCluster) placed(t *testing.T) map[string]string {
	t.Helper()
	pods, err := c.client.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	placed, nodes := make(map[string]string), make(map[string]bool)
	for _, p := range pods.Items {
		placed[p.Name] = string(p.UID) + " on " + p.Spec.NodeName
		nodes[p.Spec.NodeName] = true
	}
	if len(nodes) != 3 {
		t.Errorf("pods are on %d of 3 nodes: %v", len(nodes), placed)
	}
	return placed
}

func checkKept(t *testing.T, c *testCluster) {
	t.Helper()
	if out := c.kubectl(t, "get", "configmap", "kept", "-o", "jsonpath={.data.a}"); out != "b" {
		t.Errorf("the ConfigMap that is to be kept: %q", out)
	}
}

// sideBySide proves that a cluster can't be started twice and is not harmed by the
// attempt; and that others, of another name or in another directory, don't touch it.
func sideBySide(t *testing.T) {
	c := newCluster(t, "one", 1)
	c.runOn(t, "default", "web", "node-1", "kubarium/web:1.0")
	if out, code := c.try(t, "up"); code != 1 || !strings.Contains(out, "running already") {
		t.Errorf("second start: exit code %d, %s", code, out)
	}
	for name, start := range map[string]func(*testing.T) *testCluster{
		"another name":      func(t *testing.T) *testCluster { return c.sibling(t, "two") },
		"another directory": func(t *testing.T) *testCluster { return newCluster(t, "one", 1) },
	} {
		t.Run(name, func(t *testing.T) { beside(t, c, start(t)) })
	}
	if out := c.kubectl(t, "exec", "web", "--", "wget", "-qO-", "http://localhost:8080"); !strings.Contains(out, "version 1.0") {
		t.Errorf("the pod in the first cluster: %s", out)
	}
}

// beside runs something in the other cluster, ends it, and looks at the first.
func beside(t *testing.T, c, other *testCluster) {
	t.Helper()
	other.runOn(t, "default", "web", "node-1", "kubarium/web:2.0")
	if out := other.kubectl(t, "exec", "web", "--", "wget", "-qO-", "http://localhost:8080"); !strings.Contains(out, "version 2.0") {
		t.Errorf("the pod in the other cluster: %s", out)
	}
	other.end(t, syscall.SIGTERM)
	other.kubarium(t, "clean", "--yes")
	if err := c.ready(bounded(t), "default", "web", 0); err != nil {
		t.Errorf("the first cluster's pod, after another cluster came and went: %v", err)
	}
}
