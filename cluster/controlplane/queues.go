package controlplane

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-base/metrics/legacyregistry"

	"kubarium/cluster/trace"
)

// Pending returns the pods that the scheduler has in its queues, and why they wait.
func (s *Scheduler) Pending() ([]trace.PendingPod, error) {
	scheduler := s.running.Load()
	if scheduler == nil {
		return nil, errors.New("the scheduler does not run: start it with 'kubarium component start kube-scheduler'")
	}
	q := scheduler.SchedulingQueue
	var list []trace.PendingPod
	for _, part := range []struct {
		name string
		pods []*corev1.Pod
	}{
		{"in flight", q.InFlightPods()},
		{"active", q.PodsInActiveQ()},
		{"backoff", q.PodsInBackoffQ()},
		{"unschedulable", q.UnschedulablePods()},
		{"group", append(q.PendingPodGroupPods(), q.IncompletePodGroupPodsPods()...)},
	} {
		for _, pod := range part.pods {
			list = append(list, pendingPod(part.name, pod))
		}
	}
	s.addAttempts(list)
	return list, nil
}

func pendingPod(queue string, pod *corev1.Pod) trace.PendingPod {
	p := trace.PendingPod{Queue: queue, Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}
	if pod.Spec.Priority != nil {
		p.Priority = *pod.Spec.Priority
	}
	for _, gate := range pod.Spec.SchedulingGates {
		p.Gates = append(p.Gates, gate.Name)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			p.Why = cmp.Or(c.Message, c.Reason)
		}
	}
	return p
}

// addAttempts finds the last attempts for pods in the trace.
func (s *Scheduler) addAttempts(list []trace.PendingPod) {
	if s.config.Trace == nil || len(list) == 0 {
		return
	}
	byUID := make(map[string]int, len(list))
	for i, p := range list {
		byUID[p.UID] = i
	}
	attempts := func(e trace.Event) bool {
		_, ok := byUID[e.Object.UID]
		return ok && e.Component == schedulerName && trace.IsAttempt(e)
	}
	s.config.Trace.Scan(0, attempts, func(e trace.Event) {
		i := byUID[e.Object.UID]
		list[i].Attempt = e.Seq
		list[i].Attempts, _ = strconv.Atoi(e.Fields["attempts"])
		if plugins := e.Fields["plugins"]; plugins != "" {
			list[i].Plugins = strings.Split(plugins, ",")
		}
	})
}

// WorkQueues returns the queues of all controllers in this process, by their own
// counters; a queue has them for as long as the process lives.
func WorkQueues() ([]trace.WorkQueue, error) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	queues := map[string]*trace.WorkQueue{}
	for _, family := range families {
		name, ok := strings.CutPrefix(family.GetName(), "workqueue_")
		if !ok {
			continue
		}
		for _, m := range family.GetMetric() {
			queue := labelOf(m, "name")
			if queues[queue] == nil {
				queues[queue] = &trace.WorkQueue{Name: queue}
			}
			setCounter(queues[queue], name, m)
		}
	}
	list := make([]trace.WorkQueue, 0, len(queues))
	for _, q := range queues {
		list = append(list, *q)
	}
	slices.SortFunc(list, func(a, b trace.WorkQueue) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func labelOf(m *dto.Metric, name string) string {
	for _, label := range m.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}

func setCounter(q *trace.WorkQueue, name string, m *dto.Metric) {
	switch name {
	case "depth":
		q.Depth = int(m.GetGauge().GetValue())
	case "adds_total":
		q.Adds = int(m.GetCounter().GetValue())
	case "retries_total":
		q.Retries = int(m.GetCounter().GetValue())
	case "unfinished_work_seconds":
		q.Working = m.GetGauge().GetValue()
	case "longest_running_processor_seconds":
		q.Longest = m.GetGauge().GetValue()
	}
}
