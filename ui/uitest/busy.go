package uitest

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Busy are the objects of a three-node cluster with thirty pods, in every state that a
// pod can be in.
func Busy(now time.Time) []runtime.Object {
	w := newWorld(now)
	for _, n := range []string{"node-1", "node-2", "node-3"} {
		w.node(n, "4", "3930Mi", true)
	}
	node := func(i int) string { return fmt.Sprintf("node-%d", 1+i%3) }
	deploy := func(namespace, name string, states ...func(*corev1.Pod, time.Time)) {
		rs := w.deployment(namespace, name, "kubarium/"+name+":1.0", int32(len(states)))
		for i, s := range states {
			w.pod(rs, fmt.Sprintf("%c%c9k%d", 'b'+i, 'm'+i, i), node(i+len(name)), time.Duration(9+i)*time.Minute, s)
		}
		w.service(namespace, name, fmt.Sprintf("10.96.41.%d", w.serial%250), corev1.ServiceTypeClusterIP, 80, len(states), len(states))
	}
	up := running(0)
	deploy("kube-system", "coredns", up, up)
	deploy("default", "web", up, up, up, restarting, up, creating, pulling)
	deploy("shop", "cart", up, notReady, up, up)
	deploy("shop", "payments", crashing, up)
	deploy("shop", "search", up, up, up, up, up)
	deploy("shop", "mail", up, evicted, up)
	w.single("shop", "import-28193", "node-1", 12*time.Minute, completed)
	w.single("default", "leaving", "node-2", 8*time.Minute, leaving)
	w.single("default", "typo", "node-3", 3*time.Minute, badImage)
	for i := range 4 {
		w.single("default", fmt.Sprintf("too-big-%d", i), "", 75*time.Second, unschedulable)
	}
	for _, o := range w.objects {
		if p, ok := o.(*corev1.Pod); ok && p.Annotations["pulls"] != "" {
			w.event(2*time.Second, "Normal", "Pulling", "Pod", p.Namespace, p.Name, "Pulling image", 1)
		}
	}
	w.events()
	w.endpoints()
	return w.objects
}

func pulling(p *corev1.Pod, now time.Time) {
	creating(p, now)
	p.Annotations = map[string]string{"pulls": "yes"}
}

func evicted(p *corev1.Pod, _ time.Time) {
	p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted"
	p.Status.Message = "The node was low on resource: memory."
}

// restarting is a pod whose container runs again and is not ready yet.
func restarting(p *corev1.Pod, now time.Time) {
	p.Status.Phase = corev1.PodRunning
	condition(p, corev1.PodReady, false)
	began := metav1.NewTime(now.Add(-5 * time.Second))
	c := container(p, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}, false, 2)
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled", FinishedAt: began}
}
