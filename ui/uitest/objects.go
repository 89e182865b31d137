package uitest

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubarium/ui/facts"
)

// world makes the objects of a small cluster in which most things that a pod can
// be in happen at the same time.
type world struct {
	now     time.Time
	serial  int
	objects []runtime.Object
	// owner is the Deployment of each ReplicaSet.
	owner map[types.UID]*appsv1.Deployment
}

func newWorld(now time.Time) *world {
	return &world{now: now, owner: map[types.UID]*appsv1.Deployment{}}
}

// Objects are those of a three-node cluster as of now.
func Objects(now time.Time) []runtime.Object {
	w := newWorld(now)
	w.node("node-1", "2", "1987Mi", true)
	w.node("node-2", "2", "2962Mi", true)
	w.node("node-3", "4", "3930Mi", true)

	dns := w.deployment("kube-system", "coredns", "registry.k8s.io/coredns:v1.15.0", 2)
	w.pod(dns, "q7xkp", "node-1", 15*time.Minute, running(0))
	w.pod(dns, "zb2nd", "node-3", 15*time.Minute, running(0))
	w.service("kube-system", "kube-dns", "10.96.0.10", corev1.ServiceTypeClusterIP, 53, 2, 2)
	w.service("default", "kubernetes", "10.96.0.1", corev1.ServiceTypeClusterIP, 443, 1, 1)

	web := w.deployment("default", "web", "kubarium/web:1.1", 4)
	w.pod(web, "4kq9z", "node-1", 9*time.Minute, running(0))
	w.pod(web, "8mjtl", "node-2", 9*time.Minute, running(0))
	w.pod(web, "hx5vc", "node-3", 9*time.Minute, running(1))
	w.pod(web, "w2d6r", "node-3", 40*time.Second, creating)
	w.service("default", "web", "10.96.41.7", corev1.ServiceTypeNodePort, 80, 3, 3)

	cart := w.deployment("shop", "cart", "kubarium/web:1.0", 2)
	w.pod(cart, "p9f4s", "node-2", 4*time.Minute, running(0))
	w.pod(cart, "x7b2m", "node-2", 4*time.Minute, notReady)
	w.service("shop", "cart", "10.96.180.22", corev1.ServiceTypeClusterIP, 8080, 1, 2)
	pay := w.deployment("shop", "payments", "kubarium/crash:1.0", 1)
	w.pod(pay, "ttq6g", "node-3", 6*time.Minute, crashing)
	w.service("shop", "payments", "10.96.77.140", corev1.ServiceTypeClusterIP, 8443, 0, 1)
	w.single("shop", "import-28193", "node-1", 12*time.Minute, completed)
	w.single("default", "too-big", "", 75*time.Second, unschedulable)
	w.single("default", "typo", "node-2", 3*time.Minute, badImage)
	w.single("default", "leaving", "node-1", 8*time.Minute, leaving)

	w.events()
	w.endpoints()
	return w.objects
}

// endpoints lets services lead to the pods that they select.
func (w *world) endpoints() {
	pods := map[string][]*corev1.Pod{}
	for _, o := range w.objects {
		if p, ok := o.(*corev1.Pod); ok {
			pods[p.Namespace+"/"+p.Labels["app"]] = append(pods[p.Namespace+"/"+p.Labels["app"]], p)
		}
	}
	for _, o := range w.objects {
		e, ok := o.(*discoveryv1.EndpointSlice)
		if !ok {
			continue
		}
		for i, p := range pods[e.Namespace+"/"+e.Labels[discoveryv1.LabelServiceName]] {
			if i < len(e.Endpoints) {
				e.Endpoints[i].TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
			}
		}
	}
}

func (w *world) meta(namespace, name string, age time.Duration) metav1.ObjectMeta {
	w.serial++
	return metav1.ObjectMeta{
		Name: name, Namespace: namespace, UID: types.UID(fmt.Sprintf("uid-%04d", w.serial)),
		ResourceVersion: fmt.Sprint(1000 + w.serial), CreationTimestamp: metav1.NewTime(w.now.Add(-age)),
	}
}

func (w *world) node(name, cpu, memory string, ready bool) {
	status := corev1.ConditionTrue
	if !ready {
		status = corev1.ConditionUnknown
	}
	list := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	n := &corev1.Node{ObjectMeta: w.meta("", name, 16*time.Minute)}
	n.Labels = map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
	n.Status = corev1.NodeStatus{
		Capacity: list, Allocatable: list,
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.89.0.1" + name[len(name)-1:]}},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
		NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: Version, ContainerRuntimeVersion: "containerd://2.4.2", OSImage: "Debian GNU/Linux 12", OperatingSystem: "linux", Architecture: "amd64"},
	}
	w.objects = append(w.objects, n)
}

func (w *world) deployment(namespace, name, image string, replicas int32) *appsv1.ReplicaSet {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{ObjectMeta: w.meta(namespace, name, 15*time.Minute)}
	d.Labels = labels
	d.Spec.Replicas = &replicas
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: name, Image: image}}

	hash := fmt.Sprintf("%x", 0x5b7d9f0c+len(name)*7919+len(image)*104729)
	rs := &appsv1.ReplicaSet{ObjectMeta: w.meta(namespace, name+"-"+hash, 15*time.Minute)}
	rs.Labels = map[string]string{"app": name, "pod-template-hash": hash}
	rs.Spec.Replicas = &replicas
	rs.Spec.Template.Spec.Containers = d.Spec.Template.Spec.Containers
	rs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, UID: d.UID}}
	w.objects = append(w.objects, d, rs)
	w.owner[rs.UID] = d
	return rs
}

func (w *world) pod(rs *appsv1.ReplicaSet, suffix, node string, age time.Duration, state func(*corev1.Pod, time.Time)) {
	yes := true
	p := &corev1.Pod{ObjectMeta: w.meta(rs.Namespace, rs.Name+"-"+suffix, age)}
	p.Labels = rs.Labels
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: rs.Name, UID: rs.UID, Controller: &yes}}
	p.Spec.Containers = []corev1.Container{*rs.Spec.Template.Spec.Containers[0].DeepCopy()}
	w.place(p, node, state)
	d := w.owner[rs.UID]
	rs.Status.Replicas++
	d.Status.Replicas++
	d.Status.UpdatedReplicas++
	if facts.NewPod(p).Ready == 1 {
		rs.Status.ReadyReplicas++
		d.Status.ReadyReplicas++
		d.Status.AvailableReplicas++
	}
}

func (w *world) single(namespace, name, node string, age time.Duration, state func(*corev1.Pod, time.Time)) {
	p := &corev1.Pod{ObjectMeta: w.meta(namespace, name, age)}
	p.Labels = map[string]string{"run": name}
	p.Spec.Containers = []corev1.Container{{Name: name, Image: "kubarium/toolbox:1.0"}}
	w.place(p, node, state)
}

func (w *world) place(p *corev1.Pod, node string, state func(*corev1.Pod, time.Time)) {
	p.Spec.NodeName = node
	p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("150m"), corev1.ResourceMemory: resource.MustParse("160Mi"),
	}
	if node != "" {
		p.Status.PodIP = fmt.Sprintf("10.244.%c.%d", node[len(node)-1], w.serial%250)
	}
	state(p, w.now)
	w.objects = append(w.objects, p)
}

func (w *world) service(namespace, name, ip string, t corev1.ServiceType, port int32, ready, total int) {
	s := &corev1.Service{ObjectMeta: w.meta(namespace, name, 15*time.Minute)}
	s.Spec = corev1.ServiceSpec{
		Type: t, ClusterIP: ip, ClusterIPs: []string{ip}, Selector: map[string]string{"app": name},
		Ports: []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(port), Protocol: corev1.ProtocolTCP}},
	}
	if t == corev1.ServiceTypeNodePort {
		s.Spec.Ports[0].NodePort = 30080
	}
	e := &discoveryv1.EndpointSlice{ObjectMeta: w.meta(namespace, name+"-abcde", 15*time.Minute)}
	e.Labels = map[string]string{discoveryv1.LabelServiceName: name}
	for i := range total {
		ok := i < ready
		e.Endpoints = append(e.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.244.1.%d", 10+i)}, Conditions: discoveryv1.EndpointConditions{Ready: &ok},
		})
	}
	w.objects = append(w.objects, s, e)
}

func (w *world) events() {
	w.event(2*time.Second, "Warning", "BackOff", "Pod", "shop", "payments-5b7dd8f7-ttq6g", "Back-off restarting failed container payments in pod payments-5b7dd8f7-ttq6g", 14)
	w.event(9*time.Second, "Normal", "Pulling", "Pod", "default", "web-5b7d9f0c-w2d6r", `Pulling image "kubarium/web:1.1"`, 1)
	w.event(11*time.Second, "Normal", "Scheduled", "Pod", "default", "web-5b7d9f0c-w2d6r", "Successfully assigned default/web-5b7d9f0c-w2d6r to node-3", 1)
	w.event(13*time.Second, "Normal", "SuccessfulCreate", "ReplicaSet", "default", "web-5b7d9f0c", "Created pod: web-5b7d9f0c-w2d6r", 1)
	w.event(20*time.Second, "Warning", "FailedScheduling", "Pod", "default", "too-big", "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.", 2)
	w.event(31*time.Second, "Warning", "Failed", "Pod", "default", "typo", `Failed to pull image "kubarium/wbe:1.0": not found`, 5)
	w.event(48*time.Second, "Warning", "Unhealthy", "Pod", "shop", "cart-5b7de2a1-x7b2m", "Readiness probe failed: HTTP probe failed with statuscode: 503", 8)
	w.event(70*time.Second, "Normal", "Killing", "Pod", "default", "leaving", "Stopping container leaving", 1)
	w.event(9*time.Minute, "Normal", "ScalingReplicaSet", "Deployment", "default", "web", "Scaled up replica set web-5b7d9f0c from 0 to 3", 1)
	w.event(15*time.Minute, "Normal", "NodeReady", "Node", "", "node-3", "Node node-3 status is now: NodeReady", 1)
	w.event(15*time.Minute+time.Second, "Normal", "Starting", "Node", "", "node-1", "Starting kubelet.", 1)
}

func (w *world) event(ago time.Duration, kind, reason, of, namespace, name, message string, n int32) {
	in := namespace
	if in == "" {
		in = "default"
	}
	e := &corev1.Event{ObjectMeta: w.meta(in, fmt.Sprintf("%s.%d", name, w.serial), ago)}
	e.Type, e.Reason, e.Message, e.Count = kind, reason, message, n
	e.InvolvedObject = corev1.ObjectReference{Kind: of, Namespace: namespace, Name: name}
	e.FirstTimestamp = metav1.NewTime(w.now.Add(-ago * time.Duration(n)))
	e.LastTimestamp = metav1.NewTime(w.now.Add(-ago))
	w.objects = append(w.objects, e)
}
