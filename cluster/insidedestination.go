package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// destination is where a packet is sent, and the pods that it may come to.
type destination struct {
	name   string
	target netip.AddrPort
	udp    bool
	pods   []corev1.Pod
}

// dnsPort is where datagrams are questions.
const dnsPort = 53

// datagramFor is what is sent to a port: a question where it would be understood, so that
// there is an answer. Its first bytes are like no other's.
func datagramFor(target netip.AddrPort) []byte {
	text := rand.Text()
	if target.Port() == dnsPort {
		question := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: binary.BigEndian.Uint16([]byte(text)), RecursionDesired: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("kubernetes.default.svc." + clusterDomain + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		}
		if packed, err := question.Pack(); err == nil {
			return packed
		}
	}
	return []byte(text + " is a datagram whose way is looked at\n")
}

// findDestination reads what a packet is to be sent to.
func (c *Cluster) findDestination(ctx context.Context, client kubernetes.Interface, namespace, to string, from sender) (destination, error) {
	text, protocol := cutProtocol(to)
	if target, err := netip.ParseAddrPort(text); err == nil && target.Addr().Is4() {
		pods, err := c.podsBehind(ctx, client, target)
		return destination{name: "address " + text, target: target, udp: protocol == corev1.ProtocolUDP, pods: pods}, err
	}
	wanted, err := parseDestination(namespace, to)
	switch {
	case err != nil:
		return destination{}, err
	case !wanted.service:
		return podDestination(ctx, client, wanted)
	}
	service, err := client.CoreV1().Services(wanted.namespace).Get(ctx, wanted.name, metav1.GetOptions{})
	if err != nil {
		return destination{}, fmt.Errorf("find service: %w", err)
	}
	port, err := wanted.portOf(service)
	if err != nil {
		return destination{}, err
	}
	found := destination{name: "service " + wanted.namespace + "/" + wanted.name, udp: port.Protocol == corev1.ProtocolUDP}
	if from.place.Name == between {
		found.target, err = c.nodePort(service, port)
	} else {
		found.target, err = clusterPort(service, port)
	}
	if err != nil {
		return destination{}, err
	}
	found.pods, err = podsOfService(ctx, client, wanted.namespace, wanted.name)
	return found, err
}

// named is a destination by its name; port is 0 if none was told.
type named struct {
	service         bool
	namespace, name string
	port            int
	// protocol is "" if none was told.
	protocol corev1.Protocol
}

// parseDestination reads svc/NAME[.NAMESPACE][:PORT] and pod/NAME[:PORT]; both may have
// NAMESPACE/ before the name, and /tcp or /udp behind all.
func parseDestination(namespace, to string) (named, error) {
	given := to
	to, protocol := cutProtocol(to)
	kind, rest, _ := strings.Cut(to, "/")
	name, portText, hasPort := strings.Cut(rest, ":")
	wanted := named{namespace: namespace, name: name, protocol: protocol}
	if ns, n, ok := strings.Cut(name, "/"); ok {
		wanted.namespace, wanted.name, name = ns, n, n
	}
	switch kind {
	case "svc", "service", "services":
		wanted.service = true
		if n, ns, ok := strings.Cut(name, "."); ok {
			wanted.name, wanted.namespace = n, ns
		}
	case "pod", "pods", "po":
	default:
		return named{}, errNoDestination(given)
	}
	if wanted.name == "" || wanted.namespace == "" || strings.Contains(wanted.name, "/") {
		return named{}, errNoDestination(given)
	}
	if hasPort {
		var err error
		if wanted.port, err = strconv.Atoi(portText); err != nil || wanted.port < 1 || wanted.port > 65535 {
			return named{}, fmt.Errorf("%q is no port: write a number from 1 to 65535, with /udp behind it for UDP", portText)
		}
	}
	return wanted, nil
}

func errNoDestination(to string) error {
	return fmt.Errorf("%q is no destination: write svc/NAME[:PORT], pod/NAME[:PORT] or ADDRESS:PORT, with /udp behind it for UDP", to)
}

// cutProtocol takes the protocol off that is behind a port. Without a port it would be a name.
func cutProtocol(to string) (string, corev1.Protocol) {
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		if rest, is := strings.CutSuffix(to, "/"+strings.ToLower(string(protocol))); is && strings.Contains(rest, ":") {
			return rest, protocol
		}
	}
	return to, ""
}

// portOf is the port of a Service that is wanted: the first, of TCP rather than of UDP, unless
// it was told. A port that it does not have is no mistake: nobody answers there.
func (n named) portOf(service *corev1.Service) (corev1.ServicePort, error) {
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		for _, p := range service.Spec.Ports {
			p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
			if p.Protocol == protocol && (n.port == 0 || int(p.Port) == n.port) && (n.protocol == "" || n.protocol == protocol) {
				return p, nil
			}
		}
	}
	if n.port == 0 {
		return corev1.ServicePort{}, fmt.Errorf("service %s has no TCP or UDP port", n.name)
	}
	return corev1.ServicePort{Port: int32(n.port), Protocol: cmp.Or(n.protocol, corev1.ProtocolTCP)}, nil
}

// clusterPort is where pods and nodes reach a Service.
func clusterPort(service *corev1.Service, port corev1.ServicePort) (netip.AddrPort, error) {
	address, err := netip.ParseAddr(service.Spec.ClusterIP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("service %s has no address of its own: name one of its pods", service.Name)
	}
	return netip.AddrPortFrom(address, uint16(port.Port)), nil
}

// nodePort is where others reach it: a port of the first node that runs, as of any.
func (c *Cluster) nodePort(service *corev1.Service, port corev1.ServicePort) (netip.AddrPort, error) {
	if port.NodePort == 0 {
		return netip.AddrPort{}, fmt.Errorf("service %s has no node port, by which it could be reached from outside: make it of type NodePort, or send from a pod", service.Name)
	}
	for _, name := range c.Nodes() {
		if n, running, err := c.findNode(name); err == nil && running != nil {
			return netip.AddrPortFrom(c.nodeAddress(n.Index), uint16(port.NodePort)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no node runs")
}

func podDestination(ctx context.Context, client kubernetes.Interface, wanted named) (destination, error) {
	name := wanted.name
	pod, err := client.CoreV1().Pods(wanted.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return destination{}, fmt.Errorf("find pod: %w", err)
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return destination{}, fmt.Errorf("pod %s has no address yet", name)
	}
	port := wanted.port
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if cmp.Or(p.Protocol, corev1.ProtocolTCP) == cmp.Or(wanted.protocol, corev1.ProtocolTCP) {
				port = cmp.Or(port, int(p.ContainerPort))
			}
		}
	}
	if port == 0 {
		return destination{}, fmt.Errorf("pod %s names no port: write pod/%s:PORT", name, name)
	}
	found := destination{name: "pod " + wanted.namespace + "/" + name, target: netip.AddrPortFrom(address, uint16(port)), udp: wanted.protocol == corev1.ProtocolUDP}
	if !pod.Spec.HostNetwork {
		found.pods = []corev1.Pod{*pod}
	}
	return found, nil
}

// podsBehind are the pods that an address stands for: a pod's own, a Service's, or a node's
// with a node port.
func (c *Cluster) podsBehind(ctx context.Context, client kubernetes.Interface, target netip.AddrPort) ([]corev1.Pod, error) {
	list, err := client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("find services: %w", err)
	}
	text := target.Addr().String()
	for _, service := range list.Items {
		own := service.Spec.ClusterIP == text || slices.ContainsFunc(service.Status.LoadBalancer.Ingress, func(i corev1.LoadBalancerIngress) bool { return i.IP == text })
		if own || c.isNode(target.Addr()) && slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort == int32(target.Port()) }) {
			return podsOfService(ctx, client, service.Namespace, service.Name)
		}
	}
	return podsOf(ctx, client, []string{text})
}

// isNode reports whether an address is a node's.
func (c *Cluster) isNode(address netip.Addr) bool {
	return slices.ContainsFunc(c.Nodes(), func(name string) bool {
		n, _, err := c.findNode(name)
		return err == nil && c.nodeAddress(n.Index) == address
	})
}

func podsOfService(ctx context.Context, client kubernetes.Interface, namespace, name string) ([]corev1.Pod, error) {
	parts, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	if err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	var addresses []string
	for _, s := range parts.Items {
		for _, e := range s.Endpoints {
			addresses = append(addresses, e.Addresses...)
		}
	}
	return podsOf(ctx, client, addresses)
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
