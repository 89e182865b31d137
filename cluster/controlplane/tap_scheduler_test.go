package controlplane

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"kubarium/cluster/trace"
)

func (p *plane) makeNode(name, cpu string) {
	p.t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	_, err := p.client.CoreV1().Nodes().Create(bounded(p.t), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}, metav1.CreateOptions{})
	p.must(err)
}

// schedule makes a pod, and returns it when the scheduler has decided.
func (p *plane) schedule(name, cpu string) *corev1.Pod {
	p.t.Helper()
	ctx := bounded(p.t)
	pods := p.client.CoreV1().Pods("default")
	_, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			// The nodes have no kubelet, and are tainted for it.
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{Name: "c", Image: "none", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)},
			}}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	watch, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	p.must(err)
	defer watch.Stop()
	for e := range watch.ResultChan() {
		if pod, ok := e.Object.(*corev1.Pod); ok && scheduled(pod).Status != "" {
			return pod
		}
	}
	p.t.Fatalf("pod %s was not looked at", name)
	return nil
}

func scheduled(pod *corev1.Pod) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c
		}
	}
	return corev1.PodCondition{}
}

// attemptOf returns the first attempt that the tap saw for a pod, and its verdicts.
func (p *plane) attemptOf(pod *corev1.Pod) (trace.Event, map[string]trace.NodeVerdict) {
	p.t.Helper()
	var found trace.Event
	err := p.config.Trace.Follow(bounded(p.t), 0, func(e trace.Event, _ uint64) error {
		if e.Component == schedulerName && e.Object.UID == string(pod.UID) {
			found = e
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		p.t.Fatalf("no attempt for pod %s: %v", pod.Name, err)
	}
	var list []trace.NodeVerdict
	p.must(json.Unmarshal([]byte(found.Fields["nodes"]), &list))
	verdicts := make(map[string]trace.NodeVerdict)
	for _, v := range list {
		verdicts[v.Node] = v
	}
	return found, verdicts
}

// TestSchedulerTapAgainstPods compares what the tap saw with what the scheduler wrote
// into the pods.
func TestSchedulerTapAgainstPods(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.Trace = trace.NewStore() })
	p.start()
	for name, cpu := range map[string]string{"large": "8", "medium": "4", "small": "500m"} {
		p.makeNode(name, cpu)
	}
	// It fits nowhere, however many of the nodes the scheduler knows by now.
	refused := p.schedule("huge", "100")
	event, verdicts := p.attemptOf(refused)
	if message := scheduled(refused).Message; event.Verb != "refuse" || !strings.HasPrefix(message, strings.TrimSuffix(event.Detail, ".")) {
		t.Errorf("tap saw %s %q, the pod has %q", event.Verb, event.Detail, message)
	}
	for node, v := range verdicts {
		if v.Fits || v.Plugin != "NodeResourcesFit" || strings.Join(v.Reasons, ",") != "Insufficient cpu" {
			t.Errorf("node %s: %+v", node, v)
		}
	}
	placed := p.schedule("fits", "1")
	event, verdicts = p.attemptOf(placed)
	if placed.Spec.NodeName == "" || event.Fields["node"] != placed.Spec.NodeName {
		t.Errorf("tap saw node %q, the pod is bound to %q", event.Fields["node"], placed.Spec.NodeName)
	}
	if v := verdicts["small"]; len(verdicts) != 3 || v.Fits || v.Plugin != "NodeResourcesFit" {
		t.Errorf("verdicts %+v", verdicts)
	}
	best := verdicts[placed.Spec.NodeName]
	for _, name := range []string{"large", "medium"} {
		v := verdicts[name]
		var sum int64
		for _, score := range v.Scores {
			sum += score
		}
		if !v.Fits || len(v.Scores) == 0 || sum != v.Total || v.Total > best.Total {
			t.Errorf("node %s: %+v, the best %+v", name, v, best)
		}
	}
	t.Log(event.Line())
}
