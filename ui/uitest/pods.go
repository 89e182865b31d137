package uitest

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The functions here put a pod into a state, as the kubelet would report it.

func condition(p *corev1.Pod, t corev1.PodConditionType, ok bool) {
	status := corev1.ConditionFalse
	if ok {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: status})
}

func container(p *corev1.Pod, s corev1.ContainerState, ready bool, restarts int32) *corev1.ContainerStatus {
	c := p.Spec.Containers[0]
	started := s.Running != nil
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: c.Name, Image: c.Image, State: s, Ready: ready, RestartCount: restarts, Started: &started,
		ContainerID: "containerd://" + string(p.UID),
	}}
	return &p.Status.ContainerStatuses[0]
}

func running(restarts int32) func(*corev1.Pod, time.Time) {
	return func(p *corev1.Pod, now time.Time) {
		p.Status.Phase = corev1.PodRunning
		condition(p, corev1.PodScheduled, true)
		condition(p, corev1.PodReady, true)
		c := container(p, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}}, true, restarts)
		if restarts > 0 {
			c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled", FinishedAt: metav1.NewTime(now.Add(-4 * time.Minute))}
		}
	}
}

func notReady(p *corev1.Pod, _ time.Time) {
	p.Status.Phase = corev1.PodRunning
	condition(p, corev1.PodScheduled, true)
	condition(p, corev1.PodReady, false)
	container(p, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}}, false, 0)
}

func creating(p *corev1.Pod, _ time.Time) {
	p.Status.Phase, p.Status.PodIP = corev1.PodPending, ""
	condition(p, corev1.PodScheduled, true)
	container(p, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}, false, 0)
}

func crashing(p *corev1.Pod, now time.Time) {
	p.Status.Phase = corev1.PodRunning
	condition(p, corev1.PodScheduled, true)
	condition(p, corev1.PodReady, false)
	c := container(p, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 2m40s restarting failed container"}}, false, 5)
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: metav1.NewTime(now.Add(-50 * time.Second))}
}

func completed(p *corev1.Pod, _ time.Time) {
	p.Status.Phase = corev1.PodSucceeded
	condition(p, corev1.PodReady, false)
	container(p, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}, false, 0)
}

func unschedulable(p *corev1.Pod, _ time.Time) {
	p.Status.Phase = corev1.PodPending
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: "0/3 nodes are available: 3 Insufficient memory.",
	}}
}

func badImage(p *corev1.Pod, _ time.Time) {
	p.Status.Phase = corev1.PodPending
	condition(p, corev1.PodScheduled, true)
	container(p, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}, false, 0)
}

func leaving(p *corev1.Pod, now time.Time) {
	running(0)(p, now)
	at := metav1.NewTime(now.Add(-10 * time.Second))
	p.DeletionTimestamp = &at
	p.Finalizers = []string{"kubarium.test/hold"} // the fake API server would delete it at once
}
