package watch

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
)

// withPulls tells pods that wait for an image from others that are created: a pod's
// status does not say, the kubelet's events do. The pods given stay as they are; n is
// how many wait.
func withPulls(pods []*facts.Pod, events []*corev1.Event) (_ []*facts.Pod, n int) {
	var pulling map[types.NamespacedName]bool
	var list []*facts.Pod
	for i, p := range pods {
		if p.State != facts.Creating {
			continue
		}
		if pulling == nil {
			pulling = pulls(events)
		}
		if !pulling[types.NamespacedName{Namespace: p.Object.Namespace, Name: p.Object.Name}] {
			continue
		}
		if list == nil {
			list = append(list, pods...)
		}
		changed := *p
		changed.State = facts.Pulling
		list[i] = &changed
		n++
	}
	if list == nil {
		return pods, 0
	}
	return list, n
}

// pulls are the pods of which the newest word about an image is that it is fetched.
func pulls(events []*corev1.Event) map[types.NamespacedName]bool {
	last := map[types.NamespacedName]bool{}
	for _, e := range events {
		if e.InvolvedObject.Kind != "Pod" || e.Reason != "Pulling" && e.Reason != "Pulled" && e.Reason != "Failed" {
			continue
		}
		name := types.NamespacedName{Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}
		if _, known := last[name]; !known {
			last[name] = e.Reason == "Pulling"
		}
	}
	return last
}
