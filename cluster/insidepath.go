package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/inspect"
	"kubarium/cluster/inspect/path"
	"kubarium/cluster/inspect/runtime"
	"kubarium/cluster/network"
	"kubarium/cluster/process"
)

const (
	// lookedAtPods bounds in how many pods of a Service is looked for the packet.
	lookedAtPods = 16
	// Outside is the sender of packets that come from outside of the cluster: this machine,
	// by the router between the nodes, as those to node ports do.
	Outside = "outside"
	// between is that network.
	between = "the network between the nodes"
)

// sender is where a packet is sent from.
type sender struct {
	place path.Place
	// node is whose kernel tracks the connection; "" is that which it comes to first.
	node string
	// uid is the pod's; none for others.
	uid types.UID
}

// InspectPath sends the first packet of a TCP connection, or a UDP datagram, and tells its
// way. It is sent from a pod, from node/NAME, or from Outside; to svc/NAME[:PORT],
// pod/NAME[:PORT] or an address and port, with /udp behind it for a datagram. Of an object in
// another namespace that is named, too: pod/NAMESPACE/NAME.
func (c *Cluster) InspectPath(ctx context.Context, namespace, from, to string) (inspect.Path, error) {
	return c.SendPacket(ctx, namespace, from, to, nil)
}

// SendPacket is InspectPath that tells what it does meanwhile.
func (c *Cluster) SendPacket(ctx context.Context, namespace, from, to string, progress func(string)) (inspect.Path, error) {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return inspect.Path{}, err
	}
	sender, err := c.findSender(ctx, client, namespace, from)
	if err != nil {
		return inspect.Path{}, err
	}
	target, err := c.findDestination(ctx, client, namespace, to, sender)
	if err != nil {
		return inspect.Path{}, err
	}
	question := path.Question{From: sender.place.Name, To: target.name, Target: target.target, Places: []path.Place{sender.place}, Progress: progress}
	if target.udp {
		question.Datagram = datagramFor(target.target)
	}
	for _, place := range c.machinePlaces() {
		if place.Name != sender.place.Name {
			question.Places = append(question.Places, place)
		}
	}
	var unseen []string
	for i := range target.pods {
		pod := &target.pods[i]
		if pod.UID == sender.uid || len(question.Places) > lookedAtPods+MaxNodes {
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
	c.addTracked(&found, sender.node)
	return found, nil
}

// findSender reads who sends a packet.
func (c *Cluster) findSender(ctx context.Context, client kubernetes.Interface, namespace, from string) (sender, error) {
	if from == Outside {
		return sender{place: path.Place{Name: between, Enter: c.network.Do}}, nil
	}
	if name, is := strings.CutPrefix(from, "node/"); is {
		place, err := c.machinePlace(name)
		return sender{place: place, node: name}, err
	}
	pod, err := client.CoreV1().Pods(namespace).Get(ctx, strings.TrimPrefix(from, "pod/"), metav1.GetOptions{})
	if err != nil {
		return sender{}, fmt.Errorf("find pod: %w", err)
	}
	if pod.Spec.HostNetwork {
		// Its network is the node's, and its packets are as those of the node itself.
		place, err := c.machinePlace(pod.Spec.NodeName)
		return sender{place: place, node: pod.Spec.NodeName, uid: pod.UID}, err
	}
	place, err := c.podPlace(ctx, pod)
	return sender{place: place, node: pod.Spec.NodeName, uid: pod.UID}, err
}

func (c *Cluster) machinePlace(name string) (path.Place, error) {
	machine, err := c.machineOf(name)
	if err != nil {
		return path.Place{}, err
	}
	return path.Place{Name: name, Enter: entering(machine), Rules: true}, nil
}

// addTracked adds what the sender's node remembers of the connection, or that which it came
// to first.
func (c *Cluster) addTracked(found *inspect.Path, name string) {
	for _, hop := range found.There {
		if name == "" && slices.Contains(c.Nodes(), hop.Where) {
			name = hop.Where
		}
	}
	if name == "" {
		return
	}
	machine, err := c.machineOf(name)
	if err == nil {
		var list []inspect.Connection
		if list, err = inspect.Connections(networkOf(machine)); err == nil {
			at := slices.IndexFunc(list, func(one inspect.Connection) bool {
				return one.Protocol == found.Protocol && one.From.String() == found.Source && one.To.String() == found.Target
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
	places := []path.Place{{Name: between, Enter: c.network.Do}}
	for _, name := range c.Nodes() {
		if place, err := c.machinePlace(name); err == nil {
			places = append(places, place)
		}
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
	containerd, err := containerdOf(machine)
	if err != nil {
		return place, err
	}
	defer func() { err = errors.Join(err, containerd.Close()) }()
	inside, err := containerd.PID(ctx, id)
	if errors.Is(err, runtime.ErrNoTask) {
		return place, fmt.Errorf("%s has just ended", name)
	} else if err != nil {
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
