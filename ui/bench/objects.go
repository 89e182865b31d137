// Package bench measures the terminal app: how soon a key is answered on the screen, and
// what it costs to show a large cluster that never rests. The app is the real one, in a
// terminal of its own; the cluster is a source of objects without a cluster behind them.
package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// born is when all objects were made: so long ago that no age on the screen changes.
func born() metav1.Time { return metav1.NewTime(time.Now().Add(-30 * 24 * time.Hour)) }

func makeNode(i int) *corev1.Node {
	n := &corev1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}}
	n.Name, n.UID, n.CreationTimestamp = nodeName(i), types.UID(fmt.Sprintf("node-%d", i)), born()
	n.Labels = map[string]string{"kubernetes.io/hostname": n.Name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": fmt.Sprintf("zone-%d", i%3)}
	list := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	n.Status = corev1.NodeStatus{
		Capacity: list, Allocatable: list,
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}},
	}
	return n
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i+1) }

// makePod is a pod as a Deployment makes it, with what an API server adds.
func makePod(i, serial, nodes int) *corev1.Pod {
	app, yes := fmt.Sprintf("app-%d", i/10), true
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}}
	p.Namespace, p.Name = fmt.Sprintf("team-%d", i/500), fmt.Sprintf("%s-7c9d8f6b5-%05x", app, i*1000+serial)
	p.UID, p.CreationTimestamp = types.UID(fmt.Sprintf("pod-%d-%d", i, serial)), born()
	p.Labels = map[string]string{"app": app, "pod-template-hash": "7c9d8f6b5", "tier": "backend"}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app + "-7c9d8f6b5", UID: types.UID(app), Controller: &yes}}
	p.Spec.NodeName, p.Spec.ServiceAccountName, p.Spec.RestartPolicy = nodeName(i%nodes), "default", corev1.RestartPolicyAlways
	p.Spec.Containers = []corev1.Container{{
		Name: "app", Image: "registry.example/team/" + app + ":1.4.2", ImagePullPolicy: corev1.PullIfNotPresent,
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		Env:   []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}, {Name: "DATABASE_URL", Value: "postgres://db.internal:5432/app"}},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
		}},
		VolumeMounts:   []corev1.VolumeMount{{Name: "token", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true}},
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready"}}, PeriodSeconds: 10},
	}}
	p.Spec.Volumes = []corev1.Volume{{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}}}
	p.Spec.Tolerations = []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}}
	p.Status.PodIP, p.Status.HostIP = fmt.Sprintf("10.%d.%d.%d", 64+i/65000, i/250%250, i%250), "10.0.0.1"
	setState(p, 0)
	return p
}

// states is how many states setState knows.
const states = 4

// setState puts a pod into one of some states that last: runs and is ready, runs and is
// not, has crashed, cannot have its image.
func setState(p *corev1.Pod, state int) {
	ready := corev1.ConditionFalse
	c := corev1.ContainerStatus{Name: "app", Image: p.Spec.Containers[0].Image, ContainerID: "containerd://" + string(p.UID)}
	p.Status.Phase = corev1.PodRunning
	switch state {
	case 0:
		ready, c.Ready = corev1.ConditionTrue, true
		c.State.Running = &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}
	case 1:
		c.State.Running = &corev1.ContainerStateRunning{StartedAt: p.CreationTimestamp}
	case 2:
		c.State.Waiting, c.RestartCount = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s restarting failed container"}, 7
	case 3:
		p.Status.Phase = corev1.PodPending
		c.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"}
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{c}
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: p.CreationTimestamp},
		{Type: corev1.PodReady, Status: ready, LastTransitionTime: p.CreationTimestamp},
	}
}

// mutate changes one pod of the source: mostly its state, now and then it is replaced by
// a new one.
func (s *source) mutate(random *rand.Rand) {
	i := random.IntN(len(s.pods))
	if random.IntN(10) == 0 {
		old := s.pods[i]
		s.serial++
		s.pods[i] = makePod(i, s.serial, s.nodes)
		s.remove(podsPath, old)
		s.put(podsPath, s.pods[i])
		return
	}
	p := s.pods[i].DeepCopy()
	setState(p, random.IntN(states))
	s.pods[i] = p
	s.put(podsPath, p)
}
