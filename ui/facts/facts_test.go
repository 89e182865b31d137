package facts

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func onNode(phase corev1.PodPhase, ready bool, containers ...corev1.ContainerStatus) *corev1.Pod {
	p := &corev1.Pod{}
	p.Name, p.Spec.NodeName, p.Status.Phase = "web", "node-1", phase
	p.Status.ContainerStatuses = containers
	for range max(1, len(containers)) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{})
	}
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	return p
}

func runs(ready bool) corev1.ContainerStatus {
	return corev1.ContainerStatus{Ready: ready, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

// again is a container that runs again after it ended.
func again(restarts int32) corev1.ContainerStatus {
	c := corev1.ContainerStatus{RestartCount: restarts}
	c.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Unix(100, 0))}
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(time.Unix(99, 0))}
	return c
}

func waits(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func ended(reason string, code int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}}
}

func TestPodWords(t *testing.T) {
	gone := metav1.NewTime(time.Unix(0, 0))
	with := func(p *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
		change(p)
		return p
	}
	always := corev1.ContainerRestartPolicyAlways
	started := true
	for _, c := range []struct {
		pod   *corev1.Pod
		word  string
		state State
	}{
		{&corev1.Pod{}, "Pending", Pending},
		{onNode(corev1.PodPending, false), "Pending", Creating},
		{onNode(corev1.PodPending, false, waits("ContainerCreating")), "ContainerCreating", Creating},
		{onNode(corev1.PodPending, false, waits("ErrImagePull")), "ErrImagePull", Failing},
		{onNode(corev1.PodPending, false, waits("ImagePullBackOff")), "ImagePullBackOff", Failing},
		{onNode(corev1.PodPending, false, waits("CreateContainerConfigError")), "CreateContainerConfigError", Failing},
		{onNode(corev1.PodRunning, true, runs(true)), "Running", Running},
		{onNode(corev1.PodRunning, false, runs(false)), "Running", NotReady},
		{onNode(corev1.PodRunning, false, waits("CrashLoopBackOff")), "CrashLoopBackOff", Failing},
		{onNode(corev1.PodRunning, false, ended("OOMKilled", 137)), "OOMKilled", Failing},
		{onNode(corev1.PodRunning, false, ended("", 3)), "ExitCode:3", Failing},
		{onNode(corev1.PodRunning, true, runs(true), ended("Completed", 0)), "Running", Running},
		{onNode(corev1.PodSucceeded, false, ended("Completed", 0)), "Completed", Completed},
		{onNode(corev1.PodFailed, false, ended("Error", 1)), "Error", Failing},
		{with(onNode(corev1.PodFailed, false), func(p *corev1.Pod) { p.Status.Reason = "Evicted" }), "Evicted", Evicted},
		{onNode(corev1.PodRunning, false, again(1)), "Running", Restarting},
		{with(onNode(corev1.PodRunning, false, again(1)), func(p *corev1.Pod) {
			// It was ready after the restart, and is so no more.
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(200, 0))
		}), "Running", NotReady},
		{onNode(corev1.PodRunning, true, again(1)), "Running", Running},
		{with(onNode(corev1.PodRunning, true, runs(true)), func(p *corev1.Pod) { p.DeletionTimestamp = &gone }), "Terminating", Terminating},
		{with(onNode(corev1.PodRunning, true, runs(true)), func(p *corev1.Pod) {
			p.DeletionTimestamp, p.Status.Reason = &gone, "NodeLost"
		}), "Unknown", Unknown},
		{with(onNode(corev1.PodPending, false, waits("PodInitializing")), func(p *corev1.Pod) {
			p.Spec.InitContainers = make([]corev1.Container, 2)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{ended("Completed", 0), runs(false)}
		}), "Init:1/2", Creating},
		{with(onNode(corev1.PodPending, false), func(p *corev1.Pod) {
			p.Spec.InitContainers = make([]corev1.Container, 1)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{waits("CrashLoopBackOff")}
		}), "Init:CrashLoopBackOff", Failing},
		{with(onNode(corev1.PodRunning, true, runs(true)), func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always}}
			s := runs(true)
			s.Name, s.Started = "proxy", &started
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{s}
		}), "Running", Running},
	} {
		f := NewPod(c.pod)
		if f.Word != c.word || f.State != c.state {
			t.Errorf("%s pod is %q, %s; want %q, %s", c.pod.Status.Phase, f.Word, f.State, c.word, c.state)
		}
	}
}

func TestShortName(t *testing.T) {
	p := onNode(corev1.PodRunning, true, runs(true))
	p.Name, p.Labels = "web-5b7d9f-x2x4z", map[string]string{"pod-template-hash": "5b7d9f"}
	if got := NewPod(p).Short; got != "web…x2x4z" {
		t.Errorf("got %q", got)
	}
}

func TestNodeAddsUpWhatItsPodsRequest(t *testing.T) {
	request := func(p *corev1.Pod) *Pod {
		p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
		return NewPod(p)
	}
	n := &corev1.Node{}
	n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Message: "no word"}}
	f := NewNode(n, []*Pod{
		request(onNode(corev1.PodRunning, true, runs(true))), request(onNode(corev1.PodRunning, true, runs(true))),
		request(onNode(corev1.PodSucceeded, false, ended("Completed", 0))),
	})
	if f.CPU.Requested != 500 || f.Memory.Requested != 128<<20 {
		t.Errorf("requested %d and %d", f.CPU.Requested, f.Memory.Requested)
	}
	if f.CPU.Share() != 0.25 || f.State != Unknown || f.Message != "no word" {
		t.Errorf("%+v", f)
	}
}

func TestServiceCountsEndpointsOnce(t *testing.T) {
	yes, no := true, false
	end := func(name string, ready *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Name: name}, Conditions: discoveryv1.EndpointConditions{Ready: ready}}
	}
	s := &corev1.Service{}
	s.Spec.Ports = []corev1.ServicePort{{Port: 80, NodePort: 30080, Protocol: "TCP"}, {Port: 53, Protocol: "UDP"}}
	f := NewService(s, []*discoveryv1.EndpointSlice{
		{Endpoints: []discoveryv1.Endpoint{end("a", &yes), end("b", &no), end("c", nil)}},
		{Endpoints: []discoveryv1.Endpoint{end("a", &yes), end("b", &no)}},
	})
	if f.Ready != 2 || f.Total != 3 || f.Ports != "80:30080/TCP,53/UDP" {
		t.Errorf("%+v", f)
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 119 * time.Second: "119s", 125 * time.Second: "2m5s", 10 * time.Minute: "10m",
		3 * time.Hour: "3h", 5*time.Hour + 30*time.Minute: "5h30m", 50 * time.Hour: "2d2h", 100 * 24 * time.Hour: "100d",
	} {
		if got := Age(d); got != want {
			t.Errorf("Age(%s) is %q, not %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 250: "250m", 2000: "2", 1500: "1.5"} {
		if got := Cores(n); got != want {
			t.Errorf("Cores(%d) is %q, not %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 70 << 20: "70Mi", 2 << 30: "2Gi", 3 << 29: "1.5Gi"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, not %q", n, got, want)
		}
	}
}

func TestOwnerIsTheDeployment(t *testing.T) {
	yes := true
	p := onNode(corev1.PodRunning, true, runs(true))
	if got := NewPod(p).Owner; got != "" {
		t.Errorf("the owner of a pod that has none is %q", got)
	}
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-5b7d", Controller: &yes}}
	p.Labels = map[string]string{"pod-template-hash": "5b7d"}
	if got := NewPod(p).Owner; got != "web" {
		t.Errorf("the owner is %q, want the Deployment", got)
	}
	p.OwnerReferences[0].Kind, p.OwnerReferences[0].Name, p.Labels = "StatefulSet", "db", nil
	if got := NewPod(p).Owner; got != "db" {
		t.Errorf("the owner is %q, want the StatefulSet", got)
	}
}
