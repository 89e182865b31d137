package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
)

// effectOf returns a probe that is nil once the fault does what it is for. What has to be
// compared is looked at now: the fault is not injected yet.
func (c *testCluster) effectOf(t *testing.T, o fault.Order) func(context.Context) error {
	t.Helper()
	on, daemon, _ := strings.Cut(o.Target, "/")
	switch o.Name {
	case "container-kill":
		return c.ended(o.Target, "Error")
	case "container-oom":
		return c.ended(o.Target, "OOMKilled")
	case "image-pull-failure":
		return c.refused(t, o.Target)
	case "node-kill", "node-stop":
		return c.isIn(o.Target, component.Stopped)
	case "etcd-quorum-loss":
		return c.isIn("etcd", component.Unhealthy)
	case "node-partition":
		peer := "node-1"
		if o.Target == peer {
			peer = "node-2"
		}
		return c.apart(t, c.machine(t, o.Target), peer, time.Second)
	case "packet-drop", "packet-delay":
		from, to, _ := strings.Cut(o.Target, ",")
		pid := 0
		if strings.HasPrefix(from, "node-") {
			pid = c.machine(t, from)
		} else {
			var err error
			if pid, err = strconv.Atoi(c.containerPID(t, "default", from)); err != nil {
				t.Fatal(err)
			}
		}
		if o.Name == "packet-delay" {
			// The delay is 200 ms.
			return c.apart(t, pid, to, 190*time.Millisecond)
		}
		return c.apart(t, pid, to, time.Second)
	case "node-slow":
		before := c.throttled(t, o.Target)
		return func(context.Context) error {
			if kinds := c.queues(t, o.Target); c.throttled(t, o.Target) <= before || !slices.Contains(kinds, "tbf") {
				return fmt.Errorf("the node waited for no processor time, or has queues %v", kinds)
			}
			return nil
		}
	case "disk-pressure":
		return func(ctx context.Context) error { return c.condition(ctx, o.Target, corev1.NodeDiskPressure) }
	case "kubelet-config-corrupt":
		return c.logs(t, o.Target+"/kubelet.log", "Failed to load kubelet configuration")
	case "certificate-expired":
		return c.logs(t, o.Target+"/kubelet.log", "Unauthorized")
	case "component-stop":
		if daemon == "" {
			return c.isIn(o.Target, component.Stopped)
		}
		return c.stopped(t, on, daemon)
	case "component-crash":
		if daemon == "" {
			return c.isIn(o.Target, component.Failed)
		}
		return c.anew(t, on)
	case fault.FastClock:
		return func(context.Context) error {
			config, err := os.ReadFile(fmt.Sprintf("/proc/%d/root%s", c.machine(t, "node-1"), node.KubeletConfigPath))
			if err != nil || !bytes.Contains(config, []byte("nodeLeaseDurationSeconds: 8")) {
				return fmt.Errorf("the kubelet's configuration is %s: %w", config, err)
			}
			return nil
		}
	case "dns-skew":
		return c.answered(t, o.Target, "192.0.2.1")
	}
	t.Fatalf("nobody knows what %s does", o.Name)
	return nil
}

// ended is when a container of the pod ended for this reason.
func (c *testCluster) ended(pod, reason string) func(context.Context) error {
	return func(ctx context.Context) error {
		p, err := c.client.CoreV1().Pods("default").Get(ctx, pod, metav1.GetOptions{})
		if err != nil || len(p.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("no status: %w", err)
		}
		s := p.Status.ContainerStatuses[0]
		for _, state := range []corev1.ContainerState{s.State, s.LastTerminationState} {
			if ended := state.Terminated; ended != nil && ended.Reason == reason && ended.ExitCode == 137 {
				return nil
			}
		}
		return fmt.Errorf("container is %+v, ended %+v", s.State, s.LastTerminationState)
	}
}

// refused is when a pod that has to pull the image may not. The pod goes with the test.
func (c *testCluster) refused(t *testing.T, image string) func(context.Context) error {
	if image == "all" {
		image = "kubarium/web:1.0"
	}
	made := ""
	t.Cleanup(func() { c.kubectl(t, "delete", "pod", "-l", "run=pulls", "--wait=false") })
	return func(ctx context.Context) error {
		if made == "" {
			made = fmt.Sprintf("pulls-%d", time.Now().UnixNano())
			c.kubectl(t, "run", made, "--image="+image, "--image-pull-policy=Always", "--labels=run=pulls")
		}
		events, err := c.client.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "reason=Failed,involvedObject.name=" + made})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if strings.Contains(e.Message, "403 Forbidden") {
				return nil
			}
		}
		return fmt.Errorf("%s is not refused: %d events", image, len(events.Items))
	}
}

// isIn is when a component or a node is in the state.
func (c *testCluster) isIn(name string, want component.State) func(context.Context) error {
	return func(ctx context.Context) error {
		info, err := c.control().Info(ctx)
		if err != nil {
			return err
		}
		for _, part := range info.Components {
			if part.Name == name && part.State == want {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s: %+v", name, want, info.Components)
	}
}

// apart is when a node's kubelet can't be reached within the time from the network of a
// process. Before the fault it can.
func (c *testCluster) apart(t *testing.T, pid int, to string, within time.Duration) func(context.Context) error {
	t.Helper()
	n, err := c.client.CoreV1().Nodes().Get(bounded(t), to, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reach := func() error { return dialIn(pid, "tcp", n.Status.Addresses[0].Address+":10250", within) }
	eventually(t, "way to "+to, func(context.Context) error { return reach() })
	return func(context.Context) error {
		if reach() == nil {
			return fmt.Errorf("%s is reached within %s", to, within)
		}
		return nil
	}
}

// dialIn connects from the network of a process.
func dialIn(pid int, kind, address string, within time.Duration) error {
	return network.InNamespaceOf(pid, func() error {
		connection, err := net.DialTimeout(kind, address, within)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// condition is nil if the node has the condition.
func (c *testCluster) condition(ctx context.Context, name string, kind corev1.NodeConditionType) error {
	n, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kind && c.Status == corev1.ConditionTrue }) {
		return fmt.Errorf("%s has conditions %+v", name, n.Status.Conditions)
	}
	return nil
}

// logs is when a log says something after what it says now.
func (c *testCluster) logs(t *testing.T, log, want string) func(context.Context) error {
	t.Helper()
	since := c.logSize(t, log)
	return func(context.Context) error {
		data, err := os.ReadFile(c.path("logs", log))
		if err != nil || len(data) < since || !strings.Contains(string(data[since:]), want) {
			return fmt.Errorf("%s does not say %q: %w", log, want, err)
		}
		return nil
	}
}

// stopped is when a node's daemon does not answer where it did, and the others run anew.
func (c *testCluster) stopped(t *testing.T, on, daemon string) func(context.Context) error {
	t.Helper()
	pid, anew := c.machine(t, on), c.anew(t, on)
	answers := map[string]func() error{
		node.RoleKubelet:   func() error { return dialIn(pid, "tcp", "127.0.0.1:10248", time.Second) },
		node.RoleKubeProxy: func() error { return dialIn(pid, "tcp", "127.0.0.1:10256", time.Second) },
		node.RoleContainerd: func() error {
			return dialIn(pid, "unix", fmt.Sprintf("/proc/%d/root/run/containerd/containerd.sock", pid), time.Second)
		},
		// It listens nowhere.
		node.RoleNetworkPolicy: nil,
	}[daemon]
	if answers == nil {
		return anew
	}
	eventually(t, daemon+" of "+on, func(context.Context) error { return answers() })
	return func(ctx context.Context) error {
		if err := anew(ctx); err != nil {
			return err
		}
		if answers() == nil {
			return fmt.Errorf("%s of %s answers", daemon, on)
		}
		return nil
	}
}

// anew is when the process that a node's daemons share is another one than now.
func (c *testCluster) anew(t *testing.T, on string) func(context.Context) error {
	t.Helper()
	before := c.agents(t, on)
	if len(before) == 0 {
		t.Fatalf("%s has no daemons", on)
	}
	return func(context.Context) error {
		for _, pid := range c.agents(t, on) {
			if slices.Contains(before, pid) {
				return fmt.Errorf("process %s of %s goes on", pid, on)
			}
		}
		return nil
	}
}

// agents are the processes of a node's daemons.
func (c *testCluster) agents(t *testing.T, on string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	of := regexp.MustCompile(`/` + c.name + `-[0-9a-f]+/` + on + `(/|\n|$)`)
	var pids []string
	for _, name := range names {
		words, err := os.ReadFile(name)
		if err != nil || strings.Trim(string(words), "\x00") != node.AgentName {
			continue
		}
		if groups, err := os.ReadFile(filepath.Join(filepath.Dir(name), "cgroup")); err == nil && of.Match(groups) {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

// answered is when the cluster's DNS has this address for the name.
func (c *testCluster) answered(t *testing.T, name, address string) func(context.Context) error {
	t.Helper()
	service, err := c.client.CoreV1().Services("kube-system").Get(bounded(t), "kube-dns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pid := c.machine(t, "node-1")
	resolver := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (connection net.Conn, err error) {
		err = network.InNamespaceOf(pid, func() error {
			connection, err = net.Dial("udp", service.Spec.ClusterIP+":53")
			return err
		})
		return connection, err
	}}
	return func(ctx context.Context) error {
		found, err := resolver.LookupHost(ctx, name+".")
		if err != nil || !slices.Equal(found, []string{address}) {
			return fmt.Errorf("%s is at %v: %w", name, found, err)
		}
		return nil
	}
}

// limits are the processor quota and the queues of each node.
func (c *testCluster) limits(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"node-1", "node-2", "node-3"} {
		quota, err := os.ReadFile(c.cgroupFile(t, name, "cpu.cfs_quota_us", "cpu.max"))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = fmt.Sprintf("quota %s, queues %v", strings.TrimSpace(string(quota)), c.queues(t, name))
	}
	return all
}

// awaitNoTrace waits until nothing of any fault is left: none is active, each kubelet renews
// its lease, no node has packet rules of one, and its limits are what they were.
func (c *testCluster) awaitNoTrace(t *testing.T, had map[string]string) {
	t.Helper()
	for name := range had {
		c.awaitLease(t, name)
	}
	eventually(t, "nothing left of the fault", func(ctx context.Context) error {
		if active, err := c.control().Faults(ctx); err != nil || len(active) > 0 {
			return errors.Join(fmt.Errorf("active: %+v", active), err)
		}
		for name := range had {
			out, err := exec.CommandContext(ctx, "nsenter", "-t", fmt.Sprint(c.machine(t, name)), "-n", "nft", "list", "tables").CombinedOutput()
			if err != nil || strings.Contains(string(out), "fault-") {
				return fmt.Errorf("%s has tables %s: %w", name, out, err)
			}
		}
		if now := c.limits(t); !maps.Equal(now, had) {
			return fmt.Errorf("limits are %v, and were %v", now, had)
		}
		return nil
	})
}
