package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kubarium/cluster/inspect"
)

// told runs a command of the program's that writes JSON.
func told[T any](ctx context.Context, args ...string) (value T, err error) {
	out, err := shared.command(ctx, append(args, "-o", "json")...).Output()
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal(out, &value)
}

// linuxTruth is what containerd and the kernel say of a container.
type linuxTruth struct {
	id, sandbox string
	pid         int
	// proc is the node's own /proc, where the process has the number that containerd knows.
	proc string
}

// checkContainer compares the Linux side of a container with /proc and the cgroup files of its
// process, whose number containerd tells, and with what the pod asks for.
func checkContainer(t *testing.T, machine int, pod *corev1.Pod) {
	ctx, cri := bounded(t), runtimeClient(t, machine)
	truth := linuxTruth{id: strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")}
	status, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: truth.id, Verbose: true})
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
	truth.sandbox, truth.pid, truth.proc = info.SandboxID, info.PID, fmt.Sprintf("/proc/%d/root/proc/%d", machine, info.PID)
	linux := func(what string, tell func(*inspect.Linux)) lie[inspect.Container] {
		return lie[inspect.Container]{what, func(c *inspect.Container) { tell(&c.Linux) }}
	}
	lies := []lie[inspect.Container]{
		{"another container", func(c *inspect.Container) { c.ID = c.Sandbox }},
		{"another sandbox", func(c *inspect.Container) { c.Sandbox = c.ID }},
		linux("another process", func(l *inspect.Linux) { l.Processes[0].Node++ }),
		linux("another process on this machine", func(l *inspect.Linux) { l.Processes[0].Host = os.Getpid() }),
		linux("another process inside", func(l *inspect.Linux) { l.Processes[0].Inside = 7 }),
		linux("another command", func(l *inspect.Linux) { l.Processes[0].Command = "nginx" }),
		linux("no seccomp", func(l *inspect.Linux) { l.Seccomp = "disabled" }),
		linux("new privileges", func(l *inspect.Linux) { l.NoNewPrivs = false }),
		linux("more capabilities", func(l *inspect.Linux) { l.Capabilities.Bounding = append(l.Capabilities.Bounding, "CAP_SYS_ADMIN") }),
		linux("more permitted capabilities", func(l *inspect.Linux) { l.Capabilities.Permitted = append(l.Capabilities.Permitted, "CAP_SYS_ADMIN") }),
		linux("ambient capabilities", func(l *inspect.Linux) { l.Capabilities.Ambient = []string{"CAP_CHOWN"} }),
		linux("inheritable capabilities", func(l *inspect.Linux) { l.Capabilities.Inheritable = []string{"CAP_CHOWN"} }),
		linux("a process less", func(l *inspect.Linux) { l.Processes = l.Processes[:1] }),
		linux("another command of the second process", func(l *inspect.Linux) { l.Processes[1].Command = "nginx" }),
		linux("fewer capabilities", func(l *inspect.Linux) { l.Capabilities.Effective = nil }),
		linux("another cgroup", func(l *inspect.Linux) { l.Cgroups[0].Path += "x" }),
		linux("a mount less", func(l *inspect.Linux) { l.Mounts = l.Mounts[1:] }),
		linux("a mount elsewhere", func(l *inspect.Linux) { l.Mounts[len(l.Mounts)-1].Target += "x" }),
		linux("a mount of another type", func(l *inspect.Linux) { l.Mounts[0].Type = "ext3" }),
		linux("another OOM score", func(l *inspect.Linux) { l.OOMScore++ }),
		linux("another user", func(l *inspect.Linux) { l.UID = "1234" }),
	}
	if first, err := told[inspect.Container](ctx, "inspect", "container", "inside", "-n", pod.Namespace); err == nil {
		for i, ns := range first.Linux.Namespaces {
			lies = append(lies, linux("another namespace "+ns.Kind, func(l *inspect.Linux) { l.Namespaces[i].Inode++ }))
		}
		if first.Linux.Layers.Type == "overlay" {
			lies = append(lies, linux("another layer", func(l *inspect.Linux) { l.Layers.Upper += "x" }))
		}
		for i, g := range first.Linux.Cgroups {
			for j, f := range g.Files {
				if slices.Contains([]string{"memory.max", "memory.limit_in_bytes", "cpu.max", "cpu.cfs_quota_us"}, f.Name) {
					lies = append(lies, linux("another "+f.Name, func(l *inspect.Linux) { l.Cgroups[i].Files[j].Value = "1" }))
				}
			}
		}
	}
	believe(t, func(ctx context.Context) (inspect.Container, error) {
		return told[inspect.Container](ctx, "inspect", "container", "inside", "-n", pod.Namespace)
	}, func(_ context.Context, found inspect.Container) error { return truth.same(found) }, lies...)
}

// same compares what is told of a container.
func (truth linuxTruth) same(found inspect.Container) error {
	if found.ID != truth.id || found.Sandbox != truth.sandbox || len(found.Linux.Processes) == 0 {
		return fmt.Errorf("containerd has %+v, the program says %+v", truth, found)
	}
	l := found.Linux
	text, err := os.ReadFile(filepath.Join(truth.proc, "status"))
	if err != nil {
		return err
	}
	words := func(key string) []string {
		match := regexp.MustCompile(`(?m)^` + key + `:\s*(.*)$`).FindStringSubmatch(string(text))
		if match == nil {
			return nil
		}
		return strings.Fields(match[1])
	}
	var errs []error
	wrong := func(what string, told, is any) {
		if fmt.Sprint(told) != fmt.Sprint(is) {
			errs = append(errs, fmt.Errorf("%s: the program says %v, the kernel %v", what, told, is))
		}
	}
	errs = append(errs, truth.sameProcesses(l))
	first := l.Processes[0]
	command, err := os.ReadFile(filepath.Join(truth.proc, "cmdline"))
	errs = append(errs, err)
	score, err := os.ReadFile(filepath.Join(truth.proc, "oom_score_adj"))
	errs = append(errs, err)
	numbers := words("NSpid")
	wrong("number in the node", first.Node, truth.pid)
	wrong("number inside", first.Inside, append([]string{"?"}, numbers...)[len(numbers)])
	wrong("command", strings.TrimSpace(first.Command), strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " ")))
	wrong("OOM score", l.OOMScore, strings.TrimSpace(string(score)))
	wrong("user", l.UID, append(words("Uid"), "?")[0])
	wrong("no new privileges", l.NoNewPrivs, slices.Equal(words("NoNewPrivs"), []string{"1"}))
	wrong("seccomp", l.Seccomp, map[string]string{"0": "disabled", "2": "filter"}[append(words("Seccomp"), "?")[0]])
	want := []string{"CAP_CHOWN", "CAP_NET_BIND_SERVICE"}
	// The pod asks for two; its process is root's, which takes over what it was given.
	wrong("capabilities", [][]string{l.Capabilities.Bounding, l.Capabilities.Effective, l.Capabilities.Permitted}, [][]string{want, want, want})
	for key, told := range map[string][]string{"CapInh": l.Capabilities.Inheritable, "CapAmb": l.Capabilities.Ambient} {
		wrong(key, len(told) == 0, slices.Equal(words(key), []string{strings.Repeat("0", 16)}))
	}
	for _, ns := range l.Namespaces {
		link, err := os.Readlink(filepath.Join(truth.proc, "ns", ns.Kind))
		errs = append(errs, err)
		wrong("namespace "+ns.Kind, fmt.Sprintf("%s:[%d]", ns.Kind, ns.Inode), link)
		// With cgroup v1, the runtime gives out no cgroup namespaces.
		if ns.Kind != "cgroup" {
			wrong("whether namespace "+ns.Kind+" is shared with the sandbox", slices.Contains(ns.Shared, "sandbox"), slices.Contains([]string{"net", "ipc", "uts", "user", "time"}, ns.Kind))
		}
	}
	// Both are the same process, if the program has its numbers right.
	here, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", first.Host))
	errs = append(errs, err)
	there, err := os.Readlink(filepath.Join(truth.proc, "ns", "mnt"))
	errs = append(errs, err)
	wrong("process on this machine", here, there)
	return errors.Join(append(errs, sameLimits(l, fmt.Sprintf("/proc/%d", first.Host)), sameFiles(truth.proc, l))...)
}

// sameProcesses compares the processes with those in the PID namespace of the first. The second
// sleeps for a second, and is another one then.
func (truth linuxTruth) sameProcesses(l inspect.Linux) error {
	var told []string
	for _, p := range l.Processes {
		told = append(told, strings.TrimSpace(p.Command))
	}
	if len(told) != 2 || told[1] != "sleep 1" {
		return fmt.Errorf("the program tells of the processes %q; the second sleeps", told)
	}
	// It is in the namespace of the first, as long as it is there.
	own, err := os.Readlink(filepath.Join(truth.proc, "ns", "pid"))
	if err != nil {
		return err
	}
	if second, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", l.Processes[1].Host)); err == nil && second != own {
		return fmt.Errorf("process %d is in %s, the first one in %s", l.Processes[1].Host, second, own)
	}
	return nil
}

// sameLimits compares cgroup files with the pod's limits, and paths with the process' own.
func sameLimits(l inspect.Linux, proc string) error {
	memory, cpu := "memory.limit_in_bytes", []string{"cpu.cfs_quota_us", "20000"}
	if l.CgroupMode == "v2" {
		memory, cpu = "memory.max", []string{"cpu.max", "20000 100000"}
	}
	files := map[string]string{}
	groups, err := os.ReadFile(filepath.Join(proc, "cgroup"))
	if err != nil {
		return err
	}
	for _, g := range l.Cgroups {
		for _, f := range g.Files {
			files[f.Name] = f.Value
		}
		own := filepath.Join(filepath.Base(filepath.Dir(g.Path)), filepath.Base(g.Path))
		if !slices.ContainsFunc(strings.Split(string(groups), "\n"), func(line string) bool { return strings.HasSuffix(line, own) }) {
			return fmt.Errorf("cgroup %s; the process is in\n%s", g.Path, groups)
		}
	}
	if files[memory] != strconv.Itoa(64<<20) || files[cpu[0]] != cpu[1] || files["pids.current"] == "" {
		return fmt.Errorf("the limits are 64Mi and 200m, the files %v", files)
	}
	return nil
}

// sameFiles compares mounts and layers with what the kernel says.
func sameFiles(proc string, l inspect.Linux) error {
	data, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
	if err != nil {
		return err
	}
	var want, got []string
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		want = append(want, strings.Fields(before)[4]+" "+strings.Fields(after)[0])
	}
	for _, m := range l.Mounts {
		got = append(got, m.Target+" "+m.Type)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("mounts %v, the kernel has %v", got, want)
	}
	if !slices.Contains(got, "/hidden tmpfs") {
		return fmt.Errorf("the volume is not among the mounts %v", got)
	}
	if l.Layers.Type == "overlay" && !strings.Contains(string(data), "upperdir="+l.Layers.Upper+",") {
		return fmt.Errorf("layers %+v, the kernel says %s", l.Layers, data)
	}
	return nil
}

// nodeSeen is what is told of a node, and what its kubelet had counted before and after.
type nodeSeen struct {
	Node          inspect.Node
	Before, After map[string]uint64
}

// checkNode compares the lists of a node with what its runtime lists, and the calls with the
// kubelet's own counters.
func checkNode(t *testing.T, machine int, pod *corev1.Pod) {
	cri, name := runtimeClient(t, machine), pod.Spec.NodeName
	id := strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	own := func(n *inspect.Node) *inspect.Resource {
		return &n.Containers[slices.IndexFunc(n.Containers, func(c inspect.Resource) bool { return c.ID == id })]
	}
	node := func(what string, tell func(*inspect.Node)) lie[nodeSeen] {
		return lie[nodeSeen]{what, func(n *nodeSeen) { tell(&n.Node) }}
	}
	call := func(n *inspect.Node, method string) *inspect.CallCount {
		return &n.Calls[slices.IndexFunc(n.Calls, func(c inspect.CallCount) bool { return c.Method == method })]
	}
	believe(t, func(ctx context.Context) (seen nodeSeen, err error) {
		if seen.Before, err = countedCalls(ctx, name); err != nil {
			return seen, err
		}
		if seen.Node, err = told[inspect.Node](ctx, "inspect", "node", name); err != nil {
			return seen, err
		}
		seen.After, err = countedCalls(ctx, name)
		return seen, err
	}, func(ctx context.Context, seen nodeSeen) error {
		return errors.Join(sameLists(ctx, cri, seen.Node), sameContainer(ctx, cri, seen.Node, id), sameCounts(seen))
	},
		node("a container less", func(n *inspect.Node) { n.Containers = n.Containers[1:] }),
		node("another container", func(n *inspect.Node) { n.Containers[0].ID += "0" }),
		node("a sandbox for a container", func(n *inspect.Node) { own(n).Kind = "sandbox" }),
		node("a container of another pod", func(n *inspect.Node) { own(n).Pod = "outside" }),
		node("a container of another image", func(n *inspect.Node) { own(n).Image = "registry.k8s.io/pause:1" }),
		node("another snapshot", func(n *inspect.Node) { own(n).Snapshot += "0" }),
		node("no tasks", func(n *inspect.Node) { n.Tasks = nil }),
		node("tasks with other numbers", func(n *inspect.Node) {
			for i := range n.Tasks {
				n.Tasks[i].PID++
			}
		}),
		node("no images", func(n *inspect.Node) { n.Images = nil }),
		node("an image that is not there", func(n *inspect.Node) { n.Images[0].Name = "docker.io/library/nginx:latest" }),
		node("snapshots that cannot be written to", func(n *inspect.Node) {
			for i := range n.Snapshots {
				n.Snapshots[i].Kind = "Committed"
			}
		}),
		node("a call more", func(n *inspect.Node) { call(n, "CreateContainer").Count += 1000 }),
		node("a call less", func(n *inspect.Node) { call(n, "RunPodSandbox").Count = 0 }),
	)
}

// countedCalls are the kubelet's own counters of calls, by their names in /metrics.
func countedCalls(ctx context.Context, node string) (map[string]uint64, error) {
	text, err := shared.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + node + "/proxy/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[string]uint64{}
	for _, match := range regexp.MustCompile(`(?m)^kubelet_runtime_operations_total\{operation_type="(\w+)"\} (\d+)`).FindAllSubmatch(text, -1) {
		if counts[string(match[1])], err = strconv.ParseUint(string(match[2]), 10, 64); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// sameCounts compares calls that do something.
func sameCounts(seen nodeSeen) error {
	for method, metric := range map[string]string{"RunPodSandbox": "run_podsandbox", "CreateContainer": "create_container", "StartContainer": "start_container"} {
		at := slices.IndexFunc(seen.Node.Calls, func(c inspect.CallCount) bool { return c.Method == method })
		if at < 0 {
			return fmt.Errorf("no call of %s is told", method)
		}
		if n := seen.Node.Calls[at].Count; n < seen.Before[metric] || n > seen.After[metric] || n == 0 {
			return fmt.Errorf("%d calls of %s, the kubelet counted %d, then %d", n, method, seen.Before[metric], seen.After[metric])
		}
	}
	return nil
}

// sameLists compares what a node has with what its runtime lists.
func sameLists(ctx context.Context, cri daemon, found inspect.Node) error {
	containers, err := cri.ListContainers(ctx, &runtimeapi.ListContainersRequest{})
	if err != nil {
		return err
	}
	sandboxes, err := cri.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	var want, got []string
	for _, c := range containers.Containers {
		want = append(want, "container "+c.Id)
	}
	for _, s := range sandboxes.Items {
		want = append(want, "sandbox "+s.Id)
	}
	for _, c := range found.Containers {
		got = append(got, c.Kind+" "+c.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Errorf("the runtime has %v, the program says %v", want, got)
	}
	return sameImages(ctx, cri, found)
}

// sameImages compares the names of images: the runtime has some names of each, and its ID.
func sameImages(ctx context.Context, cri daemon, found inspect.Node) error {
	images, err := cri.images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return err
	}
	known, tags := map[string]bool{}, []string{}
	for _, i := range images.Images {
		tags = append(tags, i.RepoTags...)
		for _, name := range slices.Concat(i.RepoTags, i.RepoDigests, []string{i.Id}) {
			known[name] = true
		}
	}
	for _, i := range found.Images {
		tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == i.Name })
		if !known[i.Name] {
			return fmt.Errorf("the runtime does not know image %s", i.Name)
		}
	}
	if len(tags) > 0 {
		return fmt.Errorf("the runtime has images %v, which the program does not tell", tags)
	}
	return nil
}

// sameContainer compares one container of a node with its runtime's word.
func sameContainer(ctx context.Context, cri daemon, found inspect.Node, id string) error {
	status, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		return err
	}
	var info struct {
		PID         int    `json:"pid"`
		SnapshotKey string `json:"snapshotKey"`
	}
	if err := json.Unmarshal([]byte(status.GetInfo()["info"]), &info); err != nil {
		return err
	}
	at := slices.IndexFunc(found.Containers, func(c inspect.Resource) bool { return c.ID == id })
	if at < 0 {
		return fmt.Errorf("no container %s", id)
	}
	c, labels := found.Containers[at], status.GetStatus().GetLabels()
	if c.Pod != labels["io.kubernetes.pod.name"] || c.Namespace != labels["io.kubernetes.pod.namespace"] || c.Container != labels["io.kubernetes.container.name"] || c.Snapshot != info.SnapshotKey {
		return fmt.Errorf("container %+v, the runtime says %v, snapshot %s", c, labels, info.SnapshotKey)
	}
	if image := status.GetStatus().GetImage().GetImage(); image != c.Image && !strings.HasSuffix(c.Image, "kubarium/toolbox:1.0") {
		return fmt.Errorf("container of image %s, the runtime says %s", c.Image, image)
	}
	if !slices.ContainsFunc(found.Tasks, func(t inspect.Task) bool { return t.ID == id && int(t.PID) == info.PID }) {
		return fmt.Errorf("tasks %v, the runtime has %d for %s", found.Tasks, info.PID, id)
	}
	if !slices.ContainsFunc(found.Snapshots, func(s inspect.Snapshot) bool { return s.Key == c.Snapshot && s.Kind == "Active" }) {
		return fmt.Errorf("snapshot %s is not one that is written to, of %v", c.Snapshot, found.Snapshots)
	}
	return nil
}
