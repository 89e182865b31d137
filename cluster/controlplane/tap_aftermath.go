package controlplane

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"kubarium/cluster/trace"
)

// aftermath tells the store what comes of an attempt once the nodes were looked at: that pods of
// less priority have to go for one that fits nowhere, and which plugin fails a pod that has a node.
type aftermath struct {
	framework.Framework
	store *trace.Store
}

// RunPostFilterPlugins records on which node room is made, or why that would not help.
func (a aftermath) RunPostFilterPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	begin := time.Now()
	result, status := a.Framework.RunPostFilterPlugins(ctx, state, pod, nodes)
	e := attemptEvent(trace.Preempt, pod, begin)
	if result != nil && result.NominatingInfo != nil && status.IsSuccess() {
		e.Fields["node"] = result.NominatedNodeName
		e.Detail = "makes room on " + result.NominatedNodeName + ": pods of less priority have to go"
	} else {
		e.Fields["error"] = cmp.Or(status.Message(), "no plugin makes room")
		e.Detail = e.Fields["error"]
	}
	a.store.Add(e)
	return result, status
}

// RunReservePluginsReserve records a failure, as those below do.
func (a aftermath) RunReservePluginsReserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	begin := time.Now()
	return a.check("Reserve", pod, node, begin, a.Framework.RunReservePluginsReserve(ctx, state, pod, node))
}

// RunPermitPlugins implements framework.Framework.
func (a aftermath) RunPermitPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) (map[string]time.Duration, *fwk.Status) {
	begin := time.Now()
	waits, status := a.Framework.RunPermitPlugins(ctx, state, pod, node)
	return waits, a.check("Permit", pod, node, begin, status)
}

// WaitOnPermit implements framework.Framework.
func (a aftermath) WaitOnPermit(ctx context.Context, pod *corev1.Pod) *fwk.Status {
	begin := time.Now()
	return a.check("Permit", pod, pod.Spec.NodeName, begin, a.Framework.WaitOnPermit(ctx, pod))
}

// RunPreBindPlugins implements framework.Framework.
func (a aftermath) RunPreBindPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	begin := time.Now()
	return a.check("PreBind", pod, node, begin, a.Framework.RunPreBindPlugins(ctx, state, pod, node))
}

// RunBindPlugins implements framework.Framework.
func (a aftermath) RunBindPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	begin := time.Now()
	return a.check("Bind", pod, node, begin, a.Framework.RunBindPlugins(ctx, state, pod, node))
}

// check records a status that ends the attempt, and returns it.
func (a aftermath) check(point string, pod *corev1.Pod, node string, begin time.Time, status *fwk.Status) *fwk.Status {
	if status.IsSuccess() || status.IsWait() {
		return status
	}
	e := attemptEvent("fail", pod, begin)
	e.Fields["node"], e.Fields["plugins"], e.Fields["error"] = node, status.Plugin(), status.Message()
	e.Detail = point + " on " + node + " failed"
	if status.Plugin() != "" {
		e.Detail += " by " + status.Plugin()
	}
	e.Detail += ": " + status.Message()
	a.store.Add(e)
	return status
}

// attemptEvent is of what the scheduler began at a time for a pod.
func attemptEvent(verb string, p *corev1.Pod, begin time.Time) trace.Event {
	return trace.Event{
		Time: time.Now(), Component: schedulerName, Verb: verb,
		Object: trace.Object{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)},
		Fields: map[string]string{"latency": time.Since(begin).String(), "podResourceVersion": p.ResourceVersion},
	}
}
