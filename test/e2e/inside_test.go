package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kubarium/cluster/inspect"
	"kubarium/cluster/trace"
)

// insidePod has all that the taps of a kubelet see: a probe, a volume in memory, a variable
// from a Secret.
const insidePod = `
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {word: not-to-be-traced}
---
apiVersion: v1
kind: Pod
metadata: {name: inside}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: box
    image: kubarium/toolbox:1.0
    command: [sh, -c, "touch /tmp/here; while :; do sleep 1; done"]
    env:
    - name: WORD
      valueFrom: {secretKeyRef: {name: hidden, key: word}}
    resources: {limits: {cpu: 200m, memory: 64Mi}}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL], add: [NET_BIND_SERVICE, CHOWN]}
      seccompProfile: {type: RuntimeDefault}
    readinessProbe:
      exec: {command: [cat, /tmp/here]}
      periodSeconds: 1
    volumeMounts:
    - {name: hidden, mountPath: /hidden}
  volumes:
  - name: hidden
    secret: {secretName: hidden}
`

// TestInsideNode looks into a node, and compares what the program says with what containerd,
// the kubelet's own counters and the kernel say.
func TestInsideNode(t *testing.T) {
	ns := shared.namespace(t)
	shared.apply(t, ns, insidePod)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/inside", "--timeout=120s")
	pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), "inside", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	machine := shared.machine(t, pod.Spec.NodeName)
	t.Run("all", func(t *testing.T) {
		t.Run("calls", func(t *testing.T) { t.Parallel(); checkCalls(t, machine, pod) })
		t.Run("probes", func(t *testing.T) { t.Parallel(); checkProbes(t, pod) })
		t.Run("mounts", func(t *testing.T) { t.Parallel(); checkMounts(t, machine, pod) })
		t.Run("container", func(t *testing.T) { t.Parallel(); checkContainer(t, machine, pod) })
		t.Run("node", func(t *testing.T) { t.Parallel(); checkNode(t, machine, pod) })
		t.Run("status", func(t *testing.T) { t.Parallel(); checkStatus(t, pod) })
	})
	shared.kubectl(t, "-n", ns, "delete", "pod", "inside")
	eventually(t, "the end of the pod", func(ctx context.Context) error {
		seen := shared.kubeletEvents(ctx, t, pod)
		for _, method := range []string{"StopContainer", "StopPodSandbox", "unmount"} {
			if !slices.ContainsFunc(seen, func(e trace.Event) bool { return e.Verb == method && e.Fields["error"] == "" }) {
				return fmt.Errorf("the kubelet did not %s", method)
			}
		}
		return nil
	})
}

// machine is the PID, on this machine, of the first process of a node.
func (c *testCluster) machine(t *testing.T, node string) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		words, err := os.ReadFile(name)
		if err != nil || !strings.HasSuffix(strings.Trim(string(words), "\x00"), "/kubarium-node-init") {
			continue
		}
		groups, err := os.ReadFile(filepath.Join(filepath.Dir(name), "cgroup"))
		if err != nil || !regexp.MustCompile(`/`+c.name+`-[0-9a-f]+/`+node+`(/|\n|$)`).Match(groups) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatalf("%s has no first process", node)
	return 0
}

// kubeletEvents is what the tap in its kubelet saw of a pod.
func (c *testCluster) kubeletEvents(ctx context.Context, t *testing.T, pod *corev1.Pod) []trace.Event {
	t.Helper()
	out, err := c.command(ctx, "trace", "-o", "json", "--component", "kubelet").Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen []trace.Event
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var e trace.Event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return seen
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Object.UID == string(pod.UID) {
			seen = append(seen, e)
		}
	}
}

// awaitEvent waits for an event of the pod's that is as wanted.
func awaitEvent(t *testing.T, pod *corev1.Pod, verb string, wanted func(trace.Event) bool) trace.Event {
	t.Helper()
	var found trace.Event
	eventually(t, "an event "+verb, func(ctx context.Context) error {
		for _, e := range shared.kubeletEvents(ctx, t, pod) {
			if e.Verb == verb && wanted(e) {
				found = e
				return nil
			}
		}
		return errors.New("there is none")
	})
	return found
}

func anyEvent(trace.Event) bool { return true }

// runtimeClient asks the containerd of a node as a kubelet would.
func runtimeClient(t *testing.T, machine int) runtimeapi.RuntimeServiceClient {
	t.Helper()
	socket := fmt.Sprintf("unix:///proc/%d/root/run/containerd/containerd.sock", machine)
	connection, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return runtimeapi.NewRuntimeServiceClient(connection)
}

// checkCalls compares the calls that the tap saw with what containerd has because of them.
func checkCalls(t *testing.T, machine int, pod *corev1.Pod) {
	ctx, cri := bounded(t), runtimeClient(t, machine)
	own := map[string]string{"io.kubernetes.pod.uid": string(pod.UID)}
	sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{LabelSelector: own}})
	if err != nil || len(sandboxes.Items) != 1 {
		t.Fatalf("sandboxes %v, %v", sandboxes, err)
	}
	list, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{LabelSelector: own}})
	if err != nil || len(list.Containers) != 1 {
		t.Fatalf("containers %v, %v", list, err)
	}
	sandbox, container := sandboxes.Items[0], list.Containers[0]
	status, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: container.Id})
	if err != nil {
		t.Fatal(err)
	}
	run := awaitEvent(t, pod, "RunPodSandbox", anyEvent)
	if !strings.Contains(run.Fields["response"], sandbox.Id) || !strings.Contains(run.Fields["request"], string(pod.UID)) {
		t.Errorf("containerd has sandbox %s, the tap saw %v", sandbox.Id, run.Fields)
	}
	created := awaitEvent(t, pod, "CreateContainer", anyEvent)
	if !strings.Contains(created.Fields["response"], container.Id) || !strings.Contains(created.Fields["request"], sandbox.Id) {
		t.Errorf("containerd has container %s in %s, the tap saw %v", container.Id, sandbox.Id, created.Fields)
	}
	for _, m := range status.GetStatus().GetMounts() {
		if !strings.Contains(created.Fields["request"], m.GetHostPath()) {
			t.Errorf("containerd mounts %s, of which the tap saw nothing", m.GetHostPath())
		}
	}
	if strings.Contains(fmt.Sprint(shared.kubeletEvents(ctx, t, pod)), "not-to-be-traced") {
		t.Error("what is in a Secret is in the trace")
	}
	started := awaitEvent(t, pod, "StartContainer", anyEvent)
	if !strings.Contains(started.Fields["request"], container.Id) {
		t.Errorf("container %s was started, the tap saw %v", container.Id, started.Fields)
	}
	awaitEvent(t, pod, "ExecSync", func(e trace.Event) bool { return strings.Contains(e.Fields["request"], `"cat"`) })
	awaitEvent(t, pod, "notice", func(e trace.Event) bool {
		return e.Fields["type"] == "ContainerStarted" && e.Fields["data"] == container.Id
	})
}

// checkProbes compares the probes that the tap saw with the kubelet's own counter.
func checkProbes(t *testing.T, pod *corev1.Pod) {
	counter := regexp.MustCompile(`prober_probe_total\{[^}]*pod="inside"[^}]*pod_uid="` + string(pod.UID) + `"[^}]*probe_type="Readiness",result="successful"\} (\d+)`)
	count := func(ctx context.Context) (n int) {
		for _, e := range shared.kubeletEvents(ctx, t, pod) {
			if e.Verb == "probe" && e.Fields["probe"] == "readiness" && e.Fields["result"] == "succeeded" {
				n++
			}
		}
		return n
	}
	eventually(t, "as many probes as the kubelet counts", func(ctx context.Context) error {
		before := count(ctx)
		path := "/api/v1/nodes/" + pod.Spec.NodeName + "/proxy/metrics/probes"
		text, err := shared.client.CoreV1().RESTClient().Get().AbsPath(path).DoRaw(ctx)
		if err != nil {
			return err
		}
		match := counter.FindSubmatch(text)
		if match == nil {
			return errors.New("the kubelet counted none")
		}
		counted, err := strconv.Atoi(string(match[1]))
		if err != nil {
			return err
		}
		// A probe may come between the looks.
		if after := count(ctx); counted < 2 || counted < before || counted > after {
			return fmt.Errorf("the kubelet counted %d, the tap saw %d, then %d", counted, before, after)
		}
		return nil
	})
}

// checkMounts compares the mounts that the tap saw with those that the node has.
func checkMounts(t *testing.T, machine int, pod *corev1.Pod) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", machine))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.Contains(fields[4], "/kubelet/pods/"+string(pod.UID)+"/volumes/") {
			continue
		}
		found++
		e := awaitEvent(t, pod, "mount", func(e trace.Event) bool { return e.Fields["target"] == fields[4] })
		if !strings.Contains(line, " - "+e.Fields["fstype"]+" ") {
			t.Errorf("the tap saw %v, the node has %s", e.Fields, line)
		}
	}
	if found < 2 {
		t.Errorf("the node has %d volumes of the pod mounted, want the Secret and the token", found)
	}
	awaitEvent(t, pod, "volume", func(e trace.Event) bool {
		return e.Fields["volume"] == "hidden" && e.Fields["step"] == "MountVolume.SetUp succeeded"
	})
}

// checkStatus compares what the kubelet wrote to the pod's status with what is there.
func checkStatus(t *testing.T, pod *corev1.Pod) {
	awaitEvent(t, pod, "status", func(e trace.Event) bool {
		var patch struct {
			Status corev1.PodStatus `json:"status"`
		}
		return json.Unmarshal([]byte(e.Fields["patch"]), &patch) == nil &&
			len(patch.Status.ContainerStatuses) == 1 && patch.Status.ContainerStatuses[0].ContainerID == pod.Status.ContainerStatuses[0].ContainerID
	})
}

// checkContainer compares the Linux side of a container with /proc and the cgroup files of its
// process, whose number containerd tells, and with what the pod asks for.
func checkContainer(t *testing.T, machine int, pod *corev1.Pod) {
	ctx, cri := bounded(t), runtimeClient(t, machine)
	id := strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	var found inspect.Container
	if err := json.Unmarshal([]byte(shared.kubarium(t, "inspect", "container", "inside", "-n", pod.Namespace, "-o", "json")), &found); err != nil {
		t.Fatal(err)
	}
	status, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		PID       int    `json:"pid"`
		SandboxID string `json:"sandboxID"`
	}
	if err := json.Unmarshal([]byte(status.GetInfo()["info"]), &info); err != nil {
		t.Fatal(err)
	}
	if found.ID != id || found.Sandbox != info.SandboxID || found.Linux.Processes[0].Node != info.PID || found.Linux.Processes[0].Inside != 1 {
		t.Fatalf("containerd has %s in %s as process %d, the program says %+v", id, info.SandboxID, info.PID, found)
	}
	// The node's own /proc, where the process has the number that containerd knows.
	proc := fmt.Sprintf("/proc/%d/root/proc/%d", machine, info.PID)
	for _, ns := range found.Linux.Namespaces {
		link, err := os.Readlink(filepath.Join(proc, "ns", ns.Kind))
		if err != nil || link != fmt.Sprintf("%s:[%d]", ns.Kind, ns.Inode) {
			t.Errorf("namespace %+v, the kernel says %s (%v)", ns, link, err)
		}
		shares := slices.Contains(ns.Shared, "sandbox")
		// With cgroup v1, the runtime gives out no cgroup namespaces.
		want := slices.Contains([]string{"net", "ipc", "uts", "user", "time"}, ns.Kind)
		if ns.Kind != "cgroup" && shares != want {
			t.Errorf("namespace %s is shared with the sandbox: %v, want %v", ns.Kind, shares, want)
		}
	}
	if want := []string{"CAP_CHOWN", "CAP_NET_BIND_SERVICE"}; !slices.Equal(found.Linux.Capabilities.Bounding, want) || !slices.Equal(found.Linux.Capabilities.Effective, want) {
		t.Errorf("capabilities %+v, the pod asks for %v", found.Linux.Capabilities, want)
	}
	text, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		t.Fatal(err)
	}
	filtered := strings.Contains(string(text), "Seccomp:\t2\n")
	if (found.Linux.Seccomp == "filter") != filtered || !found.Linux.NoNewPrivs {
		t.Errorf("seccomp %q, no new privileges %v; the kernel says\n%s", found.Linux.Seccomp, found.Linux.NoNewPrivs, text)
	}
	checkLimits(t, found.Linux, fmt.Sprintf("/proc/%d", found.Linux.Processes[0].Host))
	checkFiles(t, proc, found.Linux)
}

// checkLimits compares cgroup files with the pod's limits, and paths with the process' own.
func checkLimits(t *testing.T, l inspect.Linux, proc string) {
	memory, cpu := "memory.limit_in_bytes", []string{"cpu.cfs_quota_us", "20000"}
	if l.CgroupMode == "v2" {
		memory, cpu = "memory.max", []string{"cpu.max", "20000 100000"}
	}
	files := map[string]string{}
	groups, err := os.ReadFile(filepath.Join(proc, "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range l.Cgroups {
		for _, f := range g.Files {
			files[f.Name] = f.Value
		}
		if own := filepath.Join(filepath.Base(filepath.Dir(g.Path)), filepath.Base(g.Path)); !strings.Contains(string(groups), own) {
			t.Errorf("cgroup %s; the process is in\n%s", g.Path, groups)
		}
	}
	if files[memory] != strconv.Itoa(64<<20) || files[cpu[0]] != cpu[1] || files["pids.current"] == "" {
		t.Errorf("the limits are 64Mi and 200m, the files %v", files)
	}
}

// checkFiles compares mounts and layers with what the kernel says.
func checkFiles(t *testing.T, proc string, l inspect.Linux) {
	data, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != len(l.Mounts) {
		t.Errorf("%d mounts, the kernel has %d", len(l.Mounts), len(lines))
	}
	if !slices.ContainsFunc(l.Mounts, func(m inspect.Mount) bool { return m.Target == "/hidden" && m.Type == "tmpfs" }) {
		t.Errorf("the volume is not among the mounts %v", l.Mounts)
	}
	if l.Layers.Type == "overlay" && !strings.Contains(string(data), "upperdir="+l.Layers.Upper) {
		t.Errorf("layers %+v, the kernel says %s", l.Layers, lines[0])
	}
}

// checkNode compares the lists of a node with what its runtime lists.
func checkNode(t *testing.T, machine int, pod *corev1.Pod) {
	cri := runtimeClient(t, machine)
	eventually(t, "the same containers from both", func(ctx context.Context) error {
		var found inspect.Node
		if err := json.Unmarshal([]byte(shared.kubarium(t, "inspect", "node", pod.Spec.NodeName, "-o", "json")), &found); err != nil {
			return err
		}
		containers, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
		if err != nil {
			return err
		}
		sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
		if err != nil {
			return err
		}
		var want, got, tasks []string
		for _, c := range containers.Containers {
			want = append(want, c.Id)
		}
		for _, s := range sandboxes.Items {
			want = append(want, s.Id)
		}
		for _, c := range found.Containers {
			got = append(got, c.ID)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			return fmt.Errorf("the runtime has %v, the program says %v", want, got)
		}
		for _, task := range found.Tasks {
			tasks = append(tasks, task.ID)
		}
		id := strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
		at := slices.IndexFunc(found.Containers, func(c inspect.Resource) bool { return c.ID == id })
		writable := slices.ContainsFunc(found.Snapshots, func(s inspect.Snapshot) bool { return s.Key == found.Containers[at].Snapshot && s.Kind == "Active" })
		image := slices.ContainsFunc(found.Images, func(i inspect.Image) bool { return strings.HasSuffix(i.Name, "kubarium/toolbox:1.0") })
		if !slices.Contains(tasks, id) || !writable || !image || len(found.Calls) == 0 {
			return fmt.Errorf("task %v, snapshot %v, image %v, %d calls", tasks, writable, image, len(found.Calls))
		}
		return nil
	})
}
