package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/inspect/path"
	"kubarium/cluster/inspect/runtime"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
	"kubarium/cluster/process"
)

// lookedAtPods bounds in how many pods of a Service is looked for the packet.
const lookedAtPods = 16

// destination is where a packet is sent, and the pods that it may come to.
type destination struct {
	name   string
	target netip.AddrPort
	pods   []corev1.Pod
}

// InspectPath sends the first packet of a TCP connection from a pod to svc/NAME[:PORT],
// pod/NAME[:PORT] or an address and port, and tells its way.
func (c *Cluster) InspectPath(ctx context.Context, namespace, from, to string) (inspect.Path, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return inspect.Path{}, err
	}
	sender, err := client.CoreV1().Pods(namespace).Get(ctx, strings.TrimPrefix(from, "pod/"), metav1.GetOptions{})
	if err != nil {
		return inspect.Path{}, fmt.Errorf("find pod: %w", err)
	}
	target, err := findDestination(ctx, client, namespace, to)
	if err != nil {
		return inspect.Path{}, err
	}
	first, err := c.podPlace(ctx, sender)
	if err != nil {
		return inspect.Path{}, err
	}
	question := path.Question{From: first.Name, To: target.name, Target: target.target, Places: []path.Place{first}}
	var unseen []string
	question.Places = append(question.Places, c.machinePlaces()...)
	for i := range target.pods {
		pod := &target.pods[i]
		if pod.UID == sender.UID || len(question.Places) > lookedAtPods+MaxNodes {
			continue
		}
		place, err := c.podPlace(ctx, pod)
		if err != nil {
			unseen = append(unseen, fmt.Sprintf("nobody looked into pod %s/%s: %v", pod.Namespace, pod.Name, err))
			continue
		}
		question.Places = append(question.Places, place)
	}
	found, err := path.Try(ctx, question)
	if err != nil {
		return found, err
	}
	found.Unseen = append(found.Unseen, unseen...)
	c.addTracked(&found, sender.Spec.NodeName)
	return found, nil
}

// addTracked adds what the sender's node remembers of the connection.
func (c *Cluster) addTracked(found *inspect.Path, name string) {
	machine, err := c.machineOf(name)
	if err == nil {
		var list []inspect.Connection
		if list, err = inspect.Connections(networkOf(machine)); err == nil {
			at := slices.IndexFunc(list, func(one inspect.Connection) bool {
				return one.Protocol == "tcp" && one.From.String() == found.Source && one.To.String() == found.Target
			})
			if at >= 0 {
				found.Tracked = &list[at]
			}
			return
		}
	}
	found.Unseen = append(found.Unseen, fmt.Sprintf("what %s tracks: %v", name, err))
}

// machinePlaces are the nodes that run, and the network between them.
func (c *Cluster) machinePlaces() []path.Place {
	places := []path.Place{{Name: "the network between the nodes", Enter: c.network.Do}}
	for _, name := range c.Nodes() {
		machine, err := c.machineOf(name)
		if err != nil {
			continue
		}
		enter := func(f func() error) error { return network.InNamespaceOf(machine.PID(), f) }
		places = append(places, path.Place{Name: name, Enter: enter, Rules: true})
	}
	return places
}

// podPlace is the network of a pod.
func (c *Cluster) podPlace(ctx context.Context, pod *corev1.Pod) (place path.Place, err error) {
	name := "pod " + pod.Namespace + "/" + pod.Name
	if pod.Spec.HostNetwork {
		return place, fmt.Errorf("%s is on the network of its node, %s", name, pod.Spec.NodeName)
	}
	_, id, err := c.findContainer(ctx, pod.Namespace, pod.Name, "")
	if err != nil {
		return place, err
	}
	machine, err := c.machineOf(pod.Spec.NodeName)
	if err != nil {
		return place, err
	}
	containerd, err := runtime.Dial(machine.Path(node.ContainerdSocket))
	if err != nil {
		return place, err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	inside, err := containerd.PID(ctx, id)
	if err != nil {
		return place, err
	}
	root, err := machine.Cgroup("memory")
	if err != nil {
		return place, err
	}
	lists, err := process.InContainers([]string{root}, []string{id})
	if err != nil {
		return place, err
	}
	for _, p := range lists[id] {
		if p.NodePID == inside {
			return path.Place{Name: name, Enter: func(f func() error) error { return network.InNamespaceOf(p.HostPID, f) }}, nil
		}
	}
	return place, fmt.Errorf("%s has just ended", name)
}

// findDestination reads what a packet is to be sent to.
func findDestination(ctx context.Context, client kubernetes.Interface, namespace, to string) (destination, error) {
	if target, err := netip.ParseAddrPort(to); err == nil && target.Addr().Is4() {
		pods, err := podsOf(ctx, client, []string{target.Addr().String()})
		return destination{name: "address " + to, target: target, pods: pods}, err
	}
	kind, rest, ok := strings.Cut(to, "/")
	if !ok {
		return destination{}, fmt.Errorf("%q is no destination: write svc/NAME[:PORT], pod/NAME[:PORT] or ADDRESS:PORT", to)
	}
	name, portText, _ := strings.Cut(rest, ":")
	if n, ns, ok := strings.Cut(name, "."); ok && kind != "pod" && kind != "pods" {
		name, namespace = n, ns
	}
	port := 0
	if portText != "" {
		var err error
		if port, err = strconv.Atoi(portText); err != nil || port < 1 || port > 65535 {
			return destination{}, fmt.Errorf("%q is no port", portText)
		}
	}
	switch kind {
	case "svc", "service", "services":
		return serviceDestination(ctx, client, namespace, name, port)
	case "pod", "pods", "po":
		return podDestination(ctx, client, namespace, name, port)
	}
	return destination{}, fmt.Errorf("%q is no destination: write svc/NAME[:PORT], pod/NAME[:PORT] or ADDRESS:PORT", to)
}

func serviceDestination(ctx context.Context, client kubernetes.Interface, namespace, name string, port int) (destination, error) {
	service, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return destination{}, fmt.Errorf("find service: %w", err)
	}
	address, err := netip.ParseAddr(service.Spec.ClusterIP)
	if err != nil {
		return destination{}, fmt.Errorf("service %s has no address of its own: name one of its pods", name)
	}
	for _, p := range service.Spec.Ports {
		if port == 0 && p.Protocol == corev1.ProtocolTCP {
			port = int(p.Port)
		}
	}
	if port == 0 {
		return destination{}, fmt.Errorf("service %s has no TCP port", name)
	}
	parts, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	if err != nil {
		return destination{}, fmt.Errorf("find endpoints: %w", err)
	}
	var addresses []string
	for _, s := range parts.Items {
		for _, e := range s.Endpoints {
			addresses = append(addresses, e.Addresses...)
		}
	}
	pods, err := podsOf(ctx, client, addresses)
	return destination{name: "service " + namespace + "/" + name, target: netip.AddrPortFrom(address, uint16(port)), pods: pods}, err
}

func podDestination(ctx context.Context, client kubernetes.Interface, namespace, name string, port int) (destination, error) {
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return destination{}, fmt.Errorf("find pod: %w", err)
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return destination{}, fmt.Errorf("pod %s has no address yet", name)
	}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if cmp.Or(p.Protocol, corev1.ProtocolTCP) == corev1.ProtocolTCP {
				port = cmp.Or(port, int(p.ContainerPort))
			}
		}
	}
	if port == 0 {
		return destination{}, fmt.Errorf("pod %s names no port: write pod/%s:PORT", name, name)
	}
	return destination{name: "pod " + namespace + "/" + name, target: netip.AddrPortFrom(address, uint16(port)), pods: []corev1.Pod{*pod}}, nil
}

// podsOf are the pods that have one of the addresses, on networks of their own.
func podsOf(ctx context.Context, client kubernetes.Interface, addresses []string) ([]corev1.Pod, error) {
	list, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("find pods: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool {
		return pod.Spec.HostNetwork || pod.Status.Phase != corev1.PodRunning || !slices.Contains(addresses, pod.Status.PodIP)
	}), nil
}
