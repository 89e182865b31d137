package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kubarium/cluster/trace"
)

// madeByCalls is what containerd has because of a kubelet's calls.
type madeByCalls struct {
	sandbox *runtimeapi.PodSandbox
	status  *runtimeapi.ContainerStatus
}

// askRuntime asks containerd for a pod with one container.
func askRuntime(t *testing.T, machine int, pod *corev1.Pod) madeByCalls {
	t.Helper()
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
	status, err := cri.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: list.Containers[0].Id})
	if err != nil {
		t.Fatal(err)
	}
	return madeByCalls{sandboxes.Items[0], status.GetStatus()}
}

// checkCalls compares the calls that the tap saw with what containerd has because of them.
func checkCalls(t *testing.T, machine int, pod *corev1.Pod) {
	made := askRuntime(t, machine, pod)
	sandbox, container := made.sandbox.Id, made.status.Id
	mount := made.status.Mounts[0].HostPath
	late := func(e *trace.Event) { e.Time = e.Time.Add(time.Hour) }
	believe(t, tellsOf(t, pod), func(_ context.Context, seen tales) error { return sameCalls(seen, made) },
		leftOut("RunPodSandbox"), leftOut("CreateContainer"), leftOut("StartContainer"), leftOut("ExecSync"),
		another("RunPodSandbox", "response", sandbox, container),
		another("RunPodSandbox", "request", string(pod.UID), "someone-elses"),
		another("CreateContainer", "response", container, sandbox),
		another("CreateContainer", "request", sandbox, container),
		another("CreateContainer", "request", mount, "/elsewhere"),
		another("CreateContainer", "container", "box", "other"),
		leftOut("PullImage"), another("PullImage", "request", "toolbox", "web"), another("PullImage", "response", "sha256:", "sha512:"),
		bent("PullImage", "another time", late),
		another("StartContainer", "request", container, sandbox),
		another("ExecSync", "request", "cat", "rm"),
		another("ExecSync", "response", "{", "{\"exit_code\": 1, "),
		bent("RunPodSandbox", "another time", late), bent("CreateContainer", "another time", late), bent("StartContainer", "another time", late),
		bent("StartContainer", "an error", func(e *trace.Event) { e.Fields["error"] = "no such image" }),
		bent("CreateContainer", "a Secret", func(e *trace.Event) { e.Fields["request"] += "not-to-be-traced" }),
		invented("CreateContainer", func(*trace.Event) {}),
	)
}

// words are parts of the messages between a kubelet and its runtime.
type words struct {
	Sandbox   string   `json:"pod_sandbox_id"`
	Container string   `json:"container_id"`
	Command   []string `json:"cmd"`
	ExitCode  int      `json:"exit_code"`
	Image     struct{ Image string }
	ImageRef  string `json:"image_ref"`
	Config    struct {
		Metadata struct {
			Name, Namespace, UID string
		}
		Mounts []struct {
			Container string `json:"container_path"`
			Host      string `json:"host_path"`
			Readonly  bool
		}
	}
}

// sameCalls compares calls with what came of them.
func sameCalls(seen tales, made madeByCalls) error {
	if strings.Contains(fmt.Sprint(seen), "not-to-be-traced") {
		return errors.New("what is in a Secret is in the trace")
	}
	var errs []error
	one := func(verb string, at int64) (request, response words) {
		list := of(seen, verb)
		if len(list) != 1 {
			errs = append(errs, fmt.Errorf("%d calls of %s", len(list), verb))
			return request, response
		}
		e := list[0]
		if e.Fields["error"] != "" || !during(e, time.Unix(0, at)) {
			errs = append(errs, fmt.Errorf("%s at %s, error %q; what it made is of %s", verb, e.Time, e.Fields["error"], time.Unix(0, at)))
		}
		if verb != "RunPodSandbox" && e.Fields["container"] != made.status.Metadata.Name {
			errs = append(errs, fmt.Errorf("%s of container %s", verb, e.Fields["container"]))
		}
		errs = append(errs, json.Unmarshal([]byte(e.Fields["request"]), &request), json.Unmarshal([]byte(e.Fields["response"]), &response))
		return request, response
	}
	request, response := one("RunPodSandbox", made.sandbox.CreatedAt)
	if m := made.sandbox.Metadata; response.Sandbox != made.sandbox.Id || request.Config.Metadata.UID != m.Uid || request.Config.Metadata.Name != m.Name || request.Config.Metadata.Namespace != m.Namespace {
		errs = append(errs, fmt.Errorf("containerd has sandbox %v, the tap saw %+v of %+v", made.sandbox, response, request))
	}
	request, response = one("CreateContainer", made.status.CreatedAt)
	if response.Container != made.status.Id || request.Sandbox != made.sandbox.Id || request.Config.Metadata.Name != made.status.Metadata.Name {
		errs = append(errs, fmt.Errorf("containerd has container %s in %s, the tap saw %+v of %+v", made.status.Id, made.sandbox.Id, response, request))
	}
	var want, got []string
	for _, m := range made.status.Mounts {
		want = append(want, fmt.Sprint(m.HostPath, " ", m.ContainerPath, " ", m.Readonly))
	}
	for _, m := range request.Config.Mounts {
		got = append(got, fmt.Sprint(m.Host, " ", m.Container, " ", m.Readonly))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		errs = append(errs, fmt.Errorf("containerd mounts %v, the tap saw %v", want, got))
	}
	if request, _ = one("StartContainer", made.status.StartedAt); request.Container != made.status.Id {
		errs = append(errs, fmt.Errorf("container %s was started, the tap saw %+v", made.status.Id, request))
	}
	return errors.Join(append(errs, samePull(seen, made), sameExecs(seen, made))...)
}

// samePull compares the call that pulled the image with what the container has of it. It was
// between the pod's two beginnings: nobody keeps when.
func samePull(seen tales, made madeByCalls) error {
	list := of(seen, "PullImage")
	if len(list) != 1 {
		return fmt.Errorf("%d calls of PullImage", len(list))
	}
	e := list[0]
	var request, response words
	if err := errors.Join(json.Unmarshal([]byte(e.Fields["request"]), &request), json.Unmarshal([]byte(e.Fields["response"]), &response)); err != nil {
		return err
	}
	// containerd names it in full.
	if "docker.io/"+request.Image.Image != made.status.Image.Image || response.ImageRef != made.status.ImageId || e.Fields["error"] != "" {
		return fmt.Errorf("containerd has the image %s, %s, the tap saw %+v answered by %+v, error %q",
			made.status.Image.Image, made.status.ImageId, request, response, e.Fields["error"])
	}
	if e.Time.Before(time.Unix(0, made.sandbox.CreatedAt)) || e.Time.After(time.Unix(0, made.status.CreatedAt)) {
		return fmt.Errorf("PullImage at %s; its container is of %s", e.Time, time.Unix(0, made.status.CreatedAt))
	}
	return nil
}

// sameExecs compares the calls of a probe with what the pod's probe is, which succeeds.
func sameExecs(seen tales, made madeByCalls) error {
	list := of(seen, "ExecSync")
	if len(list) == 0 {
		return errors.New("no probe was run")
	}
	for _, e := range list {
		var request, response words
		if err := errors.Join(json.Unmarshal([]byte(e.Fields["request"]), &request), json.Unmarshal([]byte(e.Fields["response"]), &response)); err != nil {
			return err
		}
		if request.Container != made.status.Id || !slices.Equal(request.Command, []string{"cat", "/tmp/here"}) || response.ExitCode != 0 {
			return fmt.Errorf("the tap saw %+v answered by %+v", request, response)
		}
	}
	return nil
}

// checkNotices compares what the kubelet noticed with what containerd has.
func checkNotices(t *testing.T, machine int, pod *corev1.Pod) {
	made := askRuntime(t, machine, pod)
	believe(t, tellsOf(t, pod), func(_ context.Context, seen tales) error {
		var noticed []string
		for _, e := range of(seen, "notice") {
			noticed = append(noticed, e.Fields["type"]+" "+e.Fields["data"])
		}
		slices.Sort(noticed)
		want := []string{"ContainerStarted " + made.sandbox.Id, "ContainerStarted " + made.status.Id}
		slices.Sort(want)
		if !slices.Equal(noticed, want) {
			return fmt.Errorf("containerd has %v, the kubelet noticed %v", want, noticed)
		}
		return nil
	},
		leftOut("notice"), another("notice", "data", made.status.Id, made.sandbox.Id), another("notice", "type", "Started", "Died"),
		invented("notice", func(e *trace.Event) { e.Fields["type"] = "ContainerDied" }),
	)
}

// probesSeen is what the tap saw before and after the kubelet was asked for its counters.
type probesSeen struct{ Before, After tales }

// checkProbes compares the probes that the tap saw with the kubelet's own counter.
func checkProbes(t *testing.T, pod *corev1.Pod) {
	counter := regexp.MustCompile(`prober_probe_total\{[^}]*pod="inside"[^}]*pod_uid="` + string(pod.UID) + `"[^}]*probe_type="Readiness",result="(\w+)"\} (\d+)`)
	counted := map[string]int{}
	tell := func(ctx context.Context) (seen probesSeen, err error) {
		seen.Before = of(shared.kubeletEvents(ctx, t, pod), "probe")
		text, err := shared.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + pod.Spec.NodeName + "/proxy/metrics/probes").DoRaw(ctx)
		if err != nil {
			return seen, err
		}
		clear(counted)
		for _, match := range counter.FindAllSubmatch(text, -1) {
			if counted[string(match[1])], err = strconv.Atoi(string(match[2])); err != nil {
				return seen, err
			}
		}
		seen.After = of(shared.kubeletEvents(ctx, t, pod), "probe")
		return seen, nil
	}
	agrees := func(_ context.Context, seen probesSeen) error {
		for tap, metric := range map[string]string{"succeeded": "successful", "failed": "failed"} {
			count := func(list tales) int {
				return len(slices.DeleteFunc(slices.Clone(list), func(e trace.Event) bool {
					return e.Fields["probe"] != "readiness" || e.Fields["container"] != "box" || e.Fields["result"] != tap
				}))
			}
			// A probe between the looks would leave room for a lie: it is looked again then.
			if n := counted[metric]; n != count(seen.Before) || n != count(seen.After) {
				return fmt.Errorf("the kubelet counted %d %s, the tap saw %d, then %d", n, metric, count(seen.Before), count(seen.After))
			}
		}
		if counted["successful"] < 3 {
			return fmt.Errorf("the kubelet counted %v", counted)
		}
		return nil
	}
	both := func(l lie[tales]) lie[probesSeen] {
		return lie[probesSeen]{l.what, func(seen *probesSeen) { l.tell(&seen.Before); l.tell(&seen.After) }}
	}
	again := lie[tales]{"each probe twice", func(list *tales) { *list = append(*list, *list...) }}
	half := lie[tales]{"half of the probes", func(list *tales) { *list = (*list)[:len(*list)/2] }}
	believe(t, tell, agrees, both(leftOut("probe")), both(another("probe", "result", "succeeded", "failed")), both(another("probe", "probe", "readiness", "liveness")),
		both(another("probe", "container", "box", "other")), both(again), both(half))
}

// checkMounts compares the mounts that the tap saw with those that the node has, and the
// volumes with the pod's.
func checkMounts(t *testing.T, machine int, pod *corev1.Pod) {
	mounted := map[string]string{}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", machine))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		if fields := strings.Fields(before); strings.Contains(fields[4], "/kubelet/pods/"+string(pod.UID)+"/volumes/") {
			kind := strings.Fields(after)
			mounted[fields[4]] = kind[0] + " " + kind[1]
		}
	}
	if len(mounted) < 2 {
		t.Fatalf("the node has %d volumes of the pod mounted, want the Secret and the token", len(mounted))
	}
	var volumes []string
	for _, v := range pod.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	slices.Sort(volumes)
	some := slices.Sorted(maps.Keys(mounted))[0]
	believe(t, tellsOf(t, pod), func(_ context.Context, seen tales) error {
		told := map[string]string{}
		for _, e := range of(seen, "mount") {
			if told[e.Fields["target"]] = e.Fields["fstype"] + " " + e.Fields["from"]; e.Fields["error"] != "" {
				return fmt.Errorf("%s failed: %s", e.Detail, e.Fields["error"])
			}
		}
		if !maps.Equal(told, mounted) {
			return fmt.Errorf("the tap saw %v, the node has %v", told, mounted)
		}
		if len(of(seen, "unmount")) > 0 {
			return errors.New("something was unmounted")
		}
		set := map[string]bool{}
		for _, e := range of(seen, "volume") {
			if e.Fields["step"] == "MountVolume.SetUp succeeded" {
				set[e.Fields["volume"]] = true
			}
		}
		if got := slices.Sorted(maps.Keys(set)); !slices.Equal(got, volumes) {
			return fmt.Errorf("the tap saw volumes %v, the pod has %v", got, volumes)
		}
		return nil
	},
		leftOut("mount"), another("mount", "fstype", "tmpfs", "ext4"), another("mount", "target", some, "/elsewhere"), another("mount", "from", "tmpfs", "/dev/sda"),
		bent("mount", "an error", func(e *trace.Event) { e.Fields["error"] = "no" }),
		invented("mount", func(e *trace.Event) { e.Fields["target"] += "-2" }), invented("mount", func(e *trace.Event) { e.Verb = "unmount" }),
		leftOut("volume"), another("volume", "volume", "hidden", "seen"), another("volume", "step", "succeeded", "started"),
	)
}

// checkStatus compares what the kubelet wrote to the pod's status, all of it together, with
// what is there.
func checkStatus(t *testing.T, pod *corev1.Pod) {
	believe(t, tellsOf(t, pod), func(ctx context.Context, seen tales) error {
		is, err := shared.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, phase := map[corev1.PodConditionType]corev1.ConditionStatus{}, corev1.PodPhase("")
		var container corev1.ContainerStatus
		for _, e := range of(seen, "status") {
			var patch struct {
				Status corev1.PodStatus `json:"status"`
			}
			if err := json.Unmarshal([]byte(e.Fields["patch"]), &patch); err != nil {
				return err
			}
			for _, c := range patch.Status.Conditions {
				if c.Status != "" {
					conditions[c.Type] = c.Status
				}
			}
			if patch.Status.Phase != "" {
				phase = patch.Status.Phase
			}
			if len(patch.Status.ContainerStatuses) == 1 {
				container = patch.Status.ContainerStatuses[0]
			}
		}
		have := is.Status.ContainerStatuses[0]
		if phase != is.Status.Phase || container.ContainerID != have.ContainerID || container.Ready != have.Ready || container.Name != have.Name || container.Image != have.Image {
			return fmt.Errorf("the tap saw %s and %+v, the pod has %s and %+v", phase, container, is.Status.Phase, have)
		}
		for _, c := range is.Status.Conditions {
			// The scheduler writes that one.
			if c.Type != corev1.PodScheduled && conditions[c.Type] != c.Status {
				return fmt.Errorf("the tap saw the conditions %v, the pod has %+v", conditions, c)
			}
		}
		return nil
	},
		leftOut("status"), another("status", "patch", "containerd://", "containerd://0"), another("status", "patch", `"ready":true`, `"ready":false`),
		another("status", "patch", `"phase":"Running"`, `"phase":"Failed"`), another("status", "patch", `"status":"True"`, `"status":"False"`),
	)
}
