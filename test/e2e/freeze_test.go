package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// standsStill is longer than what the control plane allows a node to be silent.
const standsStill = 55 * time.Second

// TestFreeze stops a whole cluster for longer than nodes may be silent, and expects that
// nothing of it noticed.
func TestFreeze(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "freeze", 2)
	c.apply(t, "default", `apiVersion: apps/v1
kind: Deployment
metadata: {name: clock}
spec:
  replicas: 2
  selector: {matchLabels: {app: clock}}
  template:
    metadata: {labels: {app: clock}}
    spec:
      containers:
      - name: c
        image: kubarium/toolbox:1.0
        command: [sh, -c, "while date +%s; do sleep 1; done"]
        livenessProbe: {exec: {command: ["true"]}, periodSeconds: 5, timeoutSeconds: 10, failureThreshold: 3}
`)
	c.kubectl(t, "wait", "--for=condition=Available", "deployment/clock", "--timeout=120s")
	state := func() string {
		return c.kubectl(t, "get", "pods", "-A", "-o", `jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}`)
	}
	before, pod := state(), strings.Fields(c.kubectl(t, "get", "pods", "-l", "app=clock", "-o", "name"))[0]
	// Its story has to begin before the world stands still.
	eventually(t, "the first line of the pod's log", func(context.Context) error {
		log := c.kubectl(t, "logs", pod)
		if gap := longestGap(t, log); gap > standsStill/2 {
			t.Fatalf("the pod stood still for %s already", gap)
		}
		if log == "" {
			return errors.New("it is empty")
		}
		return nil
	})

	c.kubarium(t, "freeze")
	since := time.Now()
	if out := c.kubarium(t, "component", "ls"); strings.Count(out, "Frozen") != 2 {
		t.Errorf("held are:\n%s", out)
	}
	for _, args := range [][]string{{"freeze"}, {"node", "stop", "node-1"}, {"node", "add"}, {"component", "start", "kube-controller-manager"}, {"fault", "inject", "node-kill", "node-1"}} {
		if out, code := c.try(t, args...); code == 0 || !strings.Contains(out, "frozen") {
			t.Errorf("%v while the world is frozen: %s", args, out)
		}
	}
	c.kubectl(t, "scale", "deployment/clock", "--replicas=3")
	nodes := []string{"node-1", "node-2"}
	var used time.Duration
	for _, n := range nodes {
		used -= c.processorTime(t, n)
	}
	time.Sleep(time.Until(since.Add(standsStill)))
	for _, n := range nodes {
		used += c.processorTime(t, n)
	}
	if used > standsStill/1000 {
		t.Errorf("frozen nodes used the processor for %s", used)
	}
	if out := c.kubectl(t, "get", "deployment/clock", "-o", "jsonpath={.status.replicas}"); out != "2" {
		t.Errorf("a controller went on: %s replicas", out)
	}

	t.Logf("after %s: %s", time.Since(since).Round(time.Second), c.kubarium(t, "thaw"))
	if out := c.kubectl(t, "get", "nodes", "--no-headers"); strings.Contains(out, "NotReady") {
		t.Errorf("nodes:\n%s", out)
	}
	eventually(t, "the third replica", func(context.Context) error {
		if out := c.kubectl(t, "get", "deployment/clock", "-o", "jsonpath={.status.readyReplicas}"); out != "3" {
			return fmt.Errorf("%s are ready", out)
		}
		return nil
	})
	if after := state(); !contains(after, before) {
		t.Errorf("the pods were\n%s\nand are\n%s", before, after)
	}
	// Its log comes by way of the shim, containerd and the kubelet, each of which was frozen.
	eventually(t, "the pod's own story of having stood still", func(context.Context) error {
		log := c.kubectl(t, "logs", pod)
		if gap := longestGap(t, log); gap < standsStill {
			return fmt.Errorf("for no longer than %s:\n%s", gap, log)
		}
		return nil
	})
	// A kubelet that asks itself before its runtime has answered may call itself not ready
	// for a moment; nobody is to act on it.
	if out := c.kubectl(t, "get", "events", "-A", "-o", `jsonpath={range .items[*]}{.source.component} {.reason} {.message}{"\n"}{end}`); strings.Contains(out, "Marking for deletion") || strings.Contains(out, "node-controller NodeNotReady") {
		t.Errorf("the nodes were thought dead:\n%s", out)
	}

	t.Log("killed while it is frozen, it starts again; stopped, it ends")
	c.kubarium(t, "freeze")
	c.end(t, syscall.SIGKILL)
	c.again(t)
	c.kubectl(t, "wait", "--for=condition=Available", "deployment/clock", "--timeout=120s")
	c.kubarium(t, "freeze")
	c.end(t, syscall.SIGTERM)
}

// contains reports whether all lines of the part are lines of the whole.
func contains(whole, part string) bool {
	lines := map[string]bool{}
	for _, l := range strings.Split(whole, "\n") {
		lines[l] = true
	}
	for _, l := range strings.Split(part, "\n") {
		if !lines[l] {
			return false
		}
	}
	return true
}

// longestGap is the longest time between two lines of a log that are times.
func longestGap(t *testing.T, log string) time.Duration {
	t.Helper()
	longest, last := 0, 0
	for _, line := range strings.Fields(log) {
		at, err := strconv.Atoi(line)
		if err != nil {
			t.Fatalf("the log has the line %q", line)
		}
		if last > 0 {
			longest = max(longest, at-last)
		}
		last = at
	}
	return time.Duration(longest) * time.Second
}

// processorTime is what all that runs on a node has used of the processors.
func (c *testCluster) processorTime(t *testing.T, node string) time.Duration {
	t.Helper()
	for _, file := range []string{"cpuacct/kubarium/%s-*/%s/cpuacct.usage", "kubarium/%s-*/%s/cpu.stat"} {
		found, _ := filepath.Glob("/sys/fs/cgroup/" + fmt.Sprintf(file, c.name, node))
		if len(found) == 0 {
			continue
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		unit, words := time.Nanosecond, strings.Fields(string(data))
		if words[0] == "usage_usec" {
			unit, words = time.Microsecond, words[1:]
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil || n == 0 {
			t.Fatalf("%s says %q: %v", found[0], data, err)
		}
		return time.Duration(n) * unit
	}
	t.Fatalf("%s has no cgroup that tells its processor time", node)
	return 0
}
