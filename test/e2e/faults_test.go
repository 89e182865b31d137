package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
)

// TestFaults injects each fault, sees what it does, heals it, and sees that it is gone.
func TestFaults(t *testing.T) {
	ns := shared.namespace(t)
	// The tests after this one need a whole cluster.
	t.Cleanup(func() { healAll(t) })
	shared.runOn(t, ns, "victim", "node-1", "kubarium/web:1.0")
	shared.runOn(t, ns, "client", "node-2", "kubarium/toolbox:1.0", "sleep", "100000")

	t.Run("container-kill", func(t *testing.T) {
		inject(t, "container-kill", ns+"/victim")
		awaitEndOfContainer(t, ns, "victim", "Error")
	})
	t.Run("container-oom", func(t *testing.T) {
		inject(t, "container-oom", ns+"/client/client")
		awaitEndOfContainer(t, ns, "client", "OOMKilled")
		// A guaranteed pod is the last that the kernel would choose.
		shared.kubectl(t, "-n", ns, "run", "guaranteed", "--image=kubarium/toolbox:1.0", "--overrides",
			`{"spec":{"nodeName":"node-2","containers":[{"name":"guaranteed","image":"kubarium/toolbox:1.0","command":["sleep","100000"],`+
				`"resources":{"limits":{"cpu":"50m","memory":"64Mi"}}}]}}`)
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/guaranteed", "--timeout=60s")
		inject(t, "container-oom", ns+"/guaranteed")
		awaitEndOfContainer(t, ns, "guaranteed", "OOMKilled")
	})
	t.Run("image-pull-failure", func(t *testing.T) {
		inject(t, "image-pull-failure", "kubarium/web:1.0")
		shared.kubectl(t, "-n", ns, "run", "pulls", "--image=kubarium/web:1.0", "--image-pull-policy=Always")
		eventually(t, "refused pull", func(context.Context) error {
			out := shared.kubectl(t, "-n", ns, "get", "events", "--field-selector", "involvedObject.name=pulls,reason=Failed")
			if !strings.Contains(out, "403 Forbidden") {
				return errors.New(out)
			}
			return nil
		})
		heal(t, "image-pull-failure")
		// The first pod's next attempt would come after its back-off.
		shared.kubectl(t, "-n", ns, "run", "pulls-again", "--image=kubarium/web:1.0", "--image-pull-policy=Always")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/pulls-again", "--timeout=100s")
	})
	t.Run("dns-skew", func(t *testing.T) {
		shared.kubectl(t, "-n", ns, "expose", "pod", "victim", "--port=80", "--target-port=8080")
		name := "victim." + ns + ".svc.cluster.local"
		right := shared.kubectl(t, "-n", ns, "get", "service", "victim", "-o", "jsonpath={.spec.clusterIP}")
		injectWith(t, fault.Order{Name: "dns-skew", Target: name, Params: map[string]string{"answer": "192.0.2.7"}})
		awaitAddress(t, ns, name, "192.0.2.7")
		heal(t, "dns-skew")
		awaitAddress(t, ns, name, right)
		if out := shared.kubectl(t, "-n", "kube-system", "get", "configmap", "coredns", "-o", "yaml"); strings.Contains(out, "dns-skew") {
			t.Errorf("a rule is left:\n%s", out)
		}
	})
	t.Run("component-stop", func(t *testing.T) {
		inject(t, "component-stop", "kube-scheduler")
		awaitState(t, "kube-scheduler", component.Stopped)
		heal(t, "component-stop")
		awaitState(t, "kube-scheduler", component.Ready)

		// Of a node's daemon the effect is that nobody starts the pod.
		stopped := shared.effectOf(t, fault.Order{Name: "component-stop", Target: "node-3/kubelet"})
		inject(t, "component-stop", "node-3/kubelet")
		shared.kubectl(t, "-n", ns, "run", "later", "--image=kubarium/web:1.0", `--overrides={"spec":{"nodeName":"node-3"}}`)
		eventually(t, "stopped kubelet", stopped)
		if phase := shared.kubectl(t, "-n", ns, "get", "pod", "later", "-o", "jsonpath={.status.phase}{.status.startTime}"); phase != "Pending" {
			t.Errorf("without a kubelet the pod is %s", phase)
		}
		heal(t, "component-stop")
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/later", "--timeout=100s")
	})
	t.Run("component-crash", func(t *testing.T) {
		for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "metrics-server"} {
			inject(t, "component-crash", name)
			if state := stateOf(t, name); state.State != component.Failed || !strings.Contains(state.Message, "component-crash") {
				t.Errorf("%s crashed, and is %s: %s", name, state.State, state.Message)
			}
			heal(t, "component-crash")
			awaitState(t, name, component.Ready)
		}
		since := shared.logSize(t, "node-1/containerd.log")
		inject(t, "component-crash", "node-1/containerd")
		shared.awaitLog(t, "node-1/containerd.log", since, "containerd successfully booted")
		shared.kubectl(t, "-n", ns, "run", "afterwards", "--image=kubarium/web:1.0", `--overrides={"spec":{"nodeName":"node-1"}}`)
		shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/afterwards", "--timeout=100s")
	})
	t.Run("packet-drop", func(t *testing.T) {
		victim := shared.kubectl(t, "-n", ns, "get", "pod", "victim", "-o", "jsonpath={.status.podIP}")
		for _, fault := range []fault.Order{
			{Name: "packet-drop", Target: ns + "/client," + ns + "/victim"},
			{Name: "packet-drop", Target: "node-1,node-2"},
			{Name: "node-partition", Target: "node-1", Params: map[string]string{"from": "node-2"}},
			{Name: "node-partition", Target: "node-2"},
		} {
			injectWith(t, fault)
			// The client's node may be cut off from the API server: its container is asked here.
			if out, err := shared.inContainer(t, ns, "client", "wget", "-q", "-T", "2", "-O", "-", "http://"+victim+":8080"); err == nil {
				t.Errorf("%+v: the pod answers %q", fault, out)
			}
			heal(t, fault.Name)
			eventually(t, "answer once it is healed", func(context.Context) error {
				if out, err := shared.inContainer(t, ns, "client", "wget", "-q", "-T", "2", "-O", "-", "http://"+victim+":8080"); err != nil {
					return fmt.Errorf("%s: %w", out, err)
				}
				return nil
			})
		}
	})
	t.Run("packet-delay", func(t *testing.T) { testDelay(t, ns) })
	t.Run("node-slow", func(t *testing.T) { testSlowNode(t, ns) })
	t.Run("kubelet-config-corrupt", func(t *testing.T) {
		since := shared.logSize(t, "node-2/kubelet.log")
		inject(t, "kubelet-config-corrupt", "node-2")
		shared.awaitLog(t, "node-2/kubelet.log", since, "Failed to load kubelet configuration")
		heal(t, "kubelet-config-corrupt")
		shared.awaitLease(t, "node-2")
	})
	t.Run("certificate-expired", func(t *testing.T) {
		since := shared.logSize(t, "node-2/kubelet.log")
		inject(t, "certificate-expired", "node-2")
		shared.awaitLog(t, "node-2/kubelet.log", since, "Unauthorized")
		heal(t, "certificate-expired")
		shared.awaitLease(t, "node-2")
	})
	for _, name := range []string{"node-stop", "node-kill"} {
		t.Run(name, func(t *testing.T) {
			inject(t, name, "node-3")
			if state := stateOf(t, "node-3"); state.State != component.Stopped {
				t.Errorf("the node is %s", state.State)
			}
			if data, err := os.ReadFile(shared.path("cluster.json")); err != nil || strings.Contains(string(data), "stopped") {
				t.Errorf("a crash now would leave the node off: %s %v", data, err)
			}
			heal(t, name)
			awaitState(t, "node-3", component.Ready)
		})
	}
	t.Run("limit", func(t *testing.T) {
		injectWith(t, fault.Order{Name: "component-stop", Target: "kube-scheduler", For: time.Second})
		awaitState(t, "kube-scheduler", component.Ready)
	})
	t.Run("command", func(t *testing.T) { testFaultCommand(t) })
}

// TestLongDiskPressure is apart since it evicts the pods of others.
func TestLongDiskPressure(t *testing.T) {
	long(t)
	ns := shared.namespace(t)
	t.Cleanup(func() { healAll(t) })
	shared.runOn(t, ns, "victim", "node-3", "kubarium/web:1.0")
	inject(t, "disk-pressure", "node-3")
	shared.kubectl(t, "wait", "--for=condition=DiskPressure", "node/node-3", "--timeout=100s")
	eventually(t, "eviction", func(context.Context) error {
		out := shared.kubectl(t, "-n", ns, "get", "events", "--field-selector", "involvedObject.name=victim,reason=Evicted")
		// On a busy machine the kubelet may find the disk full before it takes its pods back on.
		if !strings.Contains(out, "ephemeral-storage") && !strings.Contains(out, "[DiskPressure]") {
			return errors.New(out)
		}
		return nil
	})
	heal(t, "disk-pressure")
	shared.kubectl(t, "wait", "--for=condition=DiskPressure=false", "node/node-3", "--timeout=100s")
}

// inContainer runs a program in the namespaces of a pod's container, without asking
// anybody of the cluster for it.
func (c *testCluster) inContainer(t *testing.T, ns, pod string, command ...string) (string, error) {
	t.Helper()
	pid := c.containerPID(t, ns, pod)
	out, err := exec.CommandContext(bounded(t), "nsenter", append([]string{"--target", pid, "--net", "--root", "--"}, command...)...).CombinedOutput()
	return string(out), err
}

// containerPID finds a process of the pod's first container by its cgroup.
func (c *testCluster) containerPID(t *testing.T, ns, pod string) string {
	t.Helper()
	p, err := c.client.CoreV1().Pods(ns).Get(bounded(t), pod, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(p.Status.ContainerStatuses[0].ContainerID, "containerd://")
	found, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), id) {
			return filepath.Base(filepath.Dir(path))
		}
	}
	t.Fatalf("no process of container %s", id)
	return ""
}

// TestClock asks the kubelets, which start anew, and looks at what the API server makes of a pod.
func TestClock(t *testing.T) {
	ns := shared.namespace(t)
	t.Cleanup(func() { healAll(t) })
	timers := func(pod string) string {
		var kubelet struct {
			Config struct {
				Lease     int `json:"nodeLeaseDurationSeconds"`
				CrashLoop struct {
					Most string `json:"maxContainerRestartPeriod"`
				} `json:"crashLoopBackOff"`
			} `json:"kubeletconfig"`
		}
		eventually(t, "the kubelet's configuration", func(ctx context.Context) error {
			data, err := shared.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/node-2/proxy/configz").DoRaw(ctx)
			if err != nil {
				return err
			}
			return json.Unmarshal(data, &kubelet)
		})
		shared.kubectl(t, "-n", ns, "run", pod, "--image=kubarium/web:1.0")
		stays := shared.kubectl(t, "-n", ns, "get", "pod", pod, "-o", "jsonpath={.spec.tolerations[*].tolerationSeconds}")
		return fmt.Sprintf("%d %s %s", kubelet.Config.Lease, kubelet.Config.CrashLoop.Most, stays)
	}
	if out := shared.kubarium(t, "clock", "fast"); !strings.Contains(out, "clock: fast") {
		t.Errorf("clock says %q", out)
	}
	if got, want := timers("hasty"), "8 5s 10 10"; got != want {
		t.Errorf("with the fast clock: %s, want %s", got, want)
	}
	if out := shared.kubarium(t, "clock"); !strings.Contains(out, "clock: fast") || !strings.Contains(out, "5m0s") {
		t.Errorf("clock says %q", out)
	}
	shared.kubarium(t, "clock", "normal")
	if got, want := timers("patient"), "40 5m0s 300 300"; got != want {
		t.Errorf("with production's: %s, want %s", got, want)
	}
}

// testDelay asks with less patience than the delay needs, and with more.
func testDelay(t *testing.T, ns string) {
	victim := shared.kubectl(t, "-n", ns, "get", "pod", "victim", "-o", "jsonpath={.status.podIP}")
	ask := func(seconds string) (string, error) {
		return shared.inContainer(t, ns, "client", "wget", "-q", "-T", seconds, "-O", "-", "http://"+victim+":8080")
	}
	for _, target := range []string{ns + "/client," + ns + "/victim", ns + "/victim,node-2", "node-1,node-2"} {
		injectWith(t, fault.Order{Name: "packet-delay", Target: target, Params: map[string]string{"ms": "1200"}})
		if out, err := ask("1"); err == nil {
			t.Errorf("%s: the pod answers in time: %q", target, out)
		}
		if out, err := ask("60"); err != nil {
			t.Errorf("%s: the pod does not answer: %v: %s", target, err, out)
		}
		heal(t, "packet-delay")
		eventually(t, "answer in time", func(context.Context) error {
			if out, err := ask("1"); err != nil {
				return fmt.Errorf("%s: %w", out, err)
			}
			return nil
		})
	}
}

// testSlowNode looks at what the kernel counts: how often the node had to wait for its
// processor time, and what it does with its packets.
func testSlowNode(t *testing.T, ns string) {
	shared.runOn(t, ns, "busy", "node-3", "kubarium/web:1.0")
	injectWith(t, fault.Order{Name: "node-slow", Target: "node-3", Params: map[string]string{"rate": "400"}})
	before := shared.throttled(t, "node-3")
	eventually(t, "wait for processor time", func(context.Context) error {
		// The work is the kubelet's and the shell's.
		shared.kubectl(t, "-n", ns, "exec", "busy", "--", "sh", "-c", "echo work")
		if now := shared.throttled(t, "node-3"); now <= before {
			return fmt.Errorf("waited %d times", now)
		}
		return nil
	})
	if kinds := shared.queues(t, "node-3"); !slices.Contains(kinds, "tbf") {
		t.Errorf("the node's packets go through %v", kinds)
	}
	heal(t, "node-slow")
	if kinds := shared.queues(t, "node-3"); slices.Contains(kinds, "tbf") {
		t.Errorf("after the heal the node's packets go through %v", kinds)
	}
	quota, err := os.ReadFile(shared.cgroupFile(t, "node-3", "cpu.cfs_quota_us", "cpu.max"))
	if err != nil || !strings.HasPrefix(string(quota), "-1") && !strings.HasPrefix(string(quota), "max") {
		t.Errorf("after the heal the quota is %q: %v", quota, err)
	}
}

// cgroupFile is a file of the node's cgroup, under its name in cgroup v1 or v2.
func (c *testCluster) cgroupFile(t *testing.T, node string, names ...string) string {
	t.Helper()
	for _, name := range names {
		for _, mount := range []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"} {
			if found, _ := filepath.Glob(filepath.Join(mount, "kubarium", c.name+"-*", node, name)); len(found) > 0 {
				return found[0]
			}
		}
	}
	t.Fatalf("%s has no cgroup with %v", node, names)
	return ""
}

// throttled is how often the node had to wait for its processor time.
func (c *testCluster) throttled(t *testing.T, node string) int {
	t.Helper()
	data, err := os.ReadFile(c.cgroupFile(t, node, "cpu.stat"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, found := strings.CutPrefix(line, "nr_throttled "); found {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("cpu.stat says %q", data)
	return 0
}

// queues are the kinds of queues of a node's interface.
func (c *testCluster) queues(t *testing.T, node string) []string {
	t.Helper()
	namespace, err := netns.GetFromPid(c.machine(t, node))
	if err != nil {
		t.Fatal(err)
	}
	defer namespace.Close()
	handle, err := netlink.NewHandleAt(namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	link, err := handle.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	list, err := handle.QdiscList(link)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, q := range list {
		kinds = append(kinds, q.Type())
	}
	return kinds
}

// testFaultCommand breaks and heals by the command line.
func testFaultCommand(t *testing.T) {
	var list []struct {
		Name, Expect string
	}
	if err := json.Unmarshal([]byte(shared.kubarium(t, "fault", "list", "-o", "json")), &list); err != nil || len(list) != len(fault.Catalogue()) {
		t.Errorf("%d faults are listed: %v", len(list), err)
	}
	if out := shared.kubarium(t, "fault", "inject", "component-stop", "kube-scheduler", "--for", "5m"); !strings.Contains(out, "It heals in 5m") {
		t.Errorf("inject says %q", out)
	}
	if out := shared.kubarium(t, "fault", "status"); !strings.Contains(out, "kube-scheduler") {
		t.Errorf("status says %q", out)
	}
	if out := shared.kubarium(t, "fault", "heal", "--all"); out != "component-stop kube-scheduler healed\n" {
		t.Errorf("heal says %q", out)
	}
	if out, code := shared.try(t, "fault", "heal", "component-stop"); code == 0 || !strings.Contains(out, "not active") {
		t.Errorf("heal of nothing says %q", out)
	}
	if out, code := shared.try(t, "fault", "inject", "component-stop", "nonsense"); code == 0 || !strings.Contains(out, "kube-scheduler") {
		t.Errorf("a target that there is not: %q", out)
	}
}

func inject(t *testing.T, name, target string) {
	t.Helper()
	injectWith(t, fault.Order{Name: name, Target: target})
}

func injectWith(t *testing.T, order fault.Order) {
	t.Helper()
	if _, err := shared.control().InjectFault(bounded(t), order); err != nil {
		t.Fatal(err)
	}
}

// heal heals all faults of the name, of which there has to be one.
func heal(t *testing.T, name string) {
	t.Helper()
	healed, err := shared.control().HealFaults(bounded(t), name, "")
	if err != nil || len(healed) == 0 {
		t.Fatalf("heal %s: %v, %v", name, healed, err)
	}
}

func healAll(t *testing.T) {
	t.Helper()
	if _, err := shared.control().HealFaults(bounded(t), "", ""); err != nil {
		t.Error(err)
	}
}

func stateOf(t *testing.T, name string) component.Info {
	t.Helper()
	info, err := shared.control().Info(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range info.Components {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no %s", name)
	return component.Info{}
}

func awaitState(t *testing.T, name string, want component.State) {
	t.Helper()
	eventually(t, name, func(context.Context) error {
		if c := stateOf(t, name); c.State != want {
			return fmt.Errorf("is %s (%s), not %s", c.State, c.Message, want)
		}
		return nil
	})
}

// awaitEndOfContainer waits until the pod's container ended so, and runs again.
func awaitEndOfContainer(t *testing.T, ns, pod, reason string) {
	t.Helper()
	eventually(t, "end of the container", func(ctx context.Context) error {
		p, err := shared.client.CoreV1().Pods(ns).Get(ctx, pod, metav1.GetOptions{})
		if err != nil || len(p.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("no status: %w", err)
		}
		s := p.Status.ContainerStatuses[0]
		ended := s.LastTerminationState.Terminated
		if ended == nil || ended.Reason != reason || ended.ExitCode != 137 || s.State.Running == nil {
			return fmt.Errorf("container is %+v, ended %+v", s.State, ended)
		}
		return nil
	})
}

// awaitAddress waits until a pod of the namespace sees the name at the address.
func awaitAddress(t *testing.T, ns, name, address string) {
	t.Helper()
	eventually(t, "address of "+name, func(ctx context.Context) error {
		out, err := shared.exec(ctx, ns, "client", "nslookup", name)
		if err != nil || !strings.Contains(out, "Address: "+address) {
			return fmt.Errorf("want %s, nslookup says %q: %w", address, out, err)
		}
		return nil
	})
}

// awaitLease waits until the node's kubelet has renewed its lease from now on.
func (c *testCluster) awaitLease(t *testing.T, node string) {
	t.Helper()
	now := time.Now()
	eventually(t, "lease of "+node, func(ctx context.Context) error {
		lease, err := c.client.CoordinationV1().Leases("kube-node-lease").Get(ctx, node, metav1.GetOptions{})
		if err != nil || lease.Spec.RenewTime.Before(&metav1.MicroTime{Time: now}) {
			return fmt.Errorf("renewed at %v: %w", lease.Spec.RenewTime, err)
		}
		return nil
	})
}

// logSize is how much of a log there is now.
func (c *testCluster) logSize(t *testing.T, log string) int {
	t.Helper()
	info, err := os.Stat(c.path("logs", log))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// awaitLog waits until a log says something after what it said before.
func (c *testCluster) awaitLog(t *testing.T, log string, since int, want string) {
	t.Helper()
	eventually(t, log, func(context.Context) error {
		data, err := os.ReadFile(c.path("logs", log))
		if err != nil || len(data) < since || !strings.Contains(string(data[since:]), want) {
			return fmt.Errorf("does not say %q: %w", want, err)
		}
		return nil
	})
}
