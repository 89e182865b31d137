// Package facts derives what people ask about objects from the objects: is this
// pod all right, what fills that node, does this service lead anywhere. The
// answers are plain values, computed once for each version of an object.
package facts

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"
)

// State is how a pod or a node fares, as a shape on the screen.
type State int

// The states of a pod.
const (
	// Running pods run and are ready.
	Running State = iota
	// NotReady pods run and get no traffic.
	NotReady
	// Pending pods have no node yet.
	Pending
	// Pulling pods have a node that fetches an image for them.
	Pulling
	// Creating pods have a node that prepares their containers.
	Creating
	// Restarting pods run again after an end, and are not ready yet.
	Restarting
	// Failing pods cannot start, or have crashed.
	Failing
	// Evicted pods were sent away by their node.
	Evicted
	// Completed pods ran to their end.
	Completed
	// Terminating pods were told to go.
	Terminating
	// Unknown pods are on a node that does not answer.
	Unknown
)

// String is the state as one word.
func (s State) String() string {
	return [...]string{
		"running", "not ready", "pending", "pulling", "creating", "restarting", "failing", "evicted",
		"completed", "terminating", "unknown",
	}[s]
}

// Pod is what there is to know about a pod at a glance.
type Pod struct {
	Object *corev1.Pod
	// Word is what kubectl's STATUS column says.
	Word  string
	State State
	// Ready of Total containers are ready.
	Ready, Total int
	Restarts     int
	LastRestart  time.Time
	// Short is the name without the hash that ties it to its ReplicaSet.
	Short string
	// Owner is what keeps the pod alive: the Deployment rather than its ReplicaSet. It
	// is "" if nothing does.
	Owner string
	// CPU in thousandths of a core and Memory in bytes, as requested.
	CPU, Memory int64
}

// NewPod looks at a pod.
func NewPod(p *corev1.Pod) *Pod {
	f := &Pod{Object: p, Total: len(p.Spec.Containers), Short: shortName(p), Owner: ownerName(p)}
	f.Word = podWord(p)
	f.State = podState(p, f.Word)
	for _, c := range p.Status.ContainerStatuses {
		f.Restarts += int(c.RestartCount)
		if c.Ready && c.State.Running != nil {
			f.Ready++
		}
		if t := c.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(f.LastRestart) {
			f.LastRestart = t.FinishedAt.Time
		}
	}
	for _, c := range p.Status.InitContainerStatuses {
		if sidecar(p, c.Name) {
			f.Total++
			f.Restarts += int(c.RestartCount)
			if c.Ready {
				f.Ready++
			}
		}
	}
	req := resource.PodRequests(p, resource.PodResourcesOptions{})
	f.CPU = req.Cpu().MilliValue()
	f.Memory = req.Memory().Value()
	return f
}

// Done reports whether the pod needs its node's resources no more.
func (f *Pod) Done() bool {
	return f.Object.Status.Phase == corev1.PodSucceeded || f.Object.Status.Phase == corev1.PodFailed
}

// Containers names the pod's containers, those that start first at the end.
func (f *Pod) Containers() []string {
	var names []string
	for _, c := range f.Object.Spec.Containers {
		names = append(names, c.Name)
	}
	for _, c := range f.Object.Spec.InitContainers {
		names = append(names, c.Name)
	}
	for _, c := range f.Object.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	return names
}

func sidecar(p *corev1.Pod, name string) bool {
	for _, c := range p.Spec.InitContainers {
		if c.Name == name {
			return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		}
	}
	return false
}

// podWord says what kubectl's STATUS column says: the reason of what is most in
// the way.
func podWord(p *corev1.Pod) string {
	word := string(p.Status.Phase)
	if p.Status.Reason != "" {
		word = p.Status.Reason
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonSchedulingGated {
			word = corev1.PodReasonSchedulingGated
		}
	}
	if init, waits := initWord(p); waits {
		word = init
	} else {
		word = containersWord(p, word)
	}
	if p.DeletionTimestamp != nil {
		switch {
		case p.Status.Reason == "NodeLost":
			word = "Unknown"
		case p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed:
			word = "Terminating"
		}
	}
	if word == "" {
		word = "Pending"
	}
	return word
}

// initWord tells which of the init containers the pod waits for.
func initWord(p *corev1.Pod) (string, bool) {
	for i, c := range p.Status.InitContainerStatuses {
		switch {
		case c.State.Terminated != nil && c.State.Terminated.ExitCode == 0:
			continue
		case sidecar(p, c.Name) && c.Started != nil && *c.Started:
			continue
		case c.State.Terminated != nil:
			return "Init:" + endWord(c.State.Terminated), true
		case c.State.Waiting != nil && c.State.Waiting.Reason != "" && c.State.Waiting.Reason != "PodInitializing":
			return "Init:" + c.State.Waiting.Reason, true
		default:
			return fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers)), true
		}
	}
	return "", false
}

func containersWord(p *corev1.Pod, word string) string {
	running := false
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- {
		c := p.Status.ContainerStatuses[i]
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			word = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			word = endWord(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
		}
	}
	if word == "Completed" && running {
		word = "NotReady"
		if ready(p) {
			word = "Running"
		}
	}
	return word
}

func endWord(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	default:
		return fmt.Sprintf("ExitCode:%d", t.ExitCode)
	}
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func podState(p *corev1.Pod, word string) State {
	reason := strings.TrimPrefix(word, "Init:")
	switch {
	case word == "Terminating":
		return Terminating
	case word == "Unknown" || word == "NodeLost":
		return Unknown
	case p.Status.Reason == "Evicted":
		return Evicted
	case p.Status.Phase == corev1.PodFailed, failing(reason):
		return Failing
	case p.Status.Phase == corev1.PodSucceeded:
		return Completed
	case p.Spec.NodeName == "":
		return Pending
	case p.Status.Phase != corev1.PodRunning, strings.HasPrefix(word, "Init:"),
		reason == "ContainerCreating", reason == "PodInitializing":
		return Creating
	case !ready(p) && ranBefore(p):
		return Restarting
	case !ready(p):
		return NotReady
	}
	return Running
}

// failing tells reasons that do not pass by themselves from those that do.
func failing(reason string) bool {
	for _, end := range []string{"BackOff", "Error", "Killed", "Failed", "CannotRun", "NeverPull", "Evicted"} {
		if strings.HasSuffix(reason, end) {
			return true
		}
	}
	return strings.HasPrefix(reason, "Err") || strings.HasPrefix(reason, "Invalid") ||
		strings.HasPrefix(reason, "ExitCode:") || strings.HasPrefix(reason, "Signal:")
}

// shortName leaves out the ReplicaSet's hash, and shows that it does.
func shortName(p *corev1.Pod) string {
	hash := p.Labels["pod-template-hash"]
	if hash == "" {
		return p.Name
	}
	if before, after, ok := strings.Cut(p.Name, "-"+hash+"-"); ok {
		return before + "…" + after
	}
	return p.Name
}

// ranBefore reports whether a container that is not ready runs again after an end.
func ranBefore(p *corev1.Pod) bool {
	for _, c := range p.Status.ContainerStatuses {
		if !c.Ready && c.RestartCount > 0 && c.State.Running != nil && c.LastTerminationState.Terminated != nil && !longAgo(p, c) {
			return true
		}
	}
	return false
}

// longAgo tells a container that has been without readiness ever since its restart,
// by the pod's own word: its readiness changed when the container ended, and a probe
// that fails later changes it again.
func longAgo(p *corev1.Pod, c corev1.ContainerStatus) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.LastTransitionTime.After(c.State.Running.StartedAt.Time)
		}
	}
	return false
}

// ownerName names the pod's controller.
func ownerName(p *corev1.Pod) string {
	owner := metav1.GetControllerOf(p)
	if owner == nil {
		return ""
	}
	if hash := p.Labels["pod-template-hash"]; hash != "" && owner.Kind == "ReplicaSet" {
		return strings.TrimSuffix(owner.Name, "-"+hash)
	}
	return owner.Name
}
