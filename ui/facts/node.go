package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Use is how much of something is asked for, and how much there is.
type Use struct {
	Requested, Allocatable int64
}

// Share is the part that is asked for, from 0 to 1 and above.
func (u Use) Share() float64 {
	if u.Allocatable <= 0 {
		return 0
	}
	return float64(u.Requested) / float64(u.Allocatable)
}

// Node is what there is to know about a node at a glance.
type Node struct {
	Object *corev1.Node
	// Word is what kubectl's STATUS column says: "Ready,SchedulingDisabled".
	Word  string
	State State
	// Message says why the node is not ready.
	Message string
	// Pods are those bound to the node, in the order of their names.
	Pods        []*Pod
	CPU, Memory Use
}

// NewNode looks at a node and the pods bound to it.
func NewNode(n *corev1.Node, pods []*Pod) *Node {
	f := &Node{Object: n, Pods: pods, State: Unknown, Word: "Unknown"}
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		switch c.Status {
		case corev1.ConditionTrue:
			f.State, f.Word = Running, "Ready"
		case corev1.ConditionFalse:
			f.State, f.Word, f.Message = NotReady, "NotReady", c.Message
		default:
			f.State, f.Word, f.Message = Unknown, "NotReady", c.Message
		}
	}
	if n.Spec.Unschedulable {
		f.Word += ",SchedulingDisabled"
	}
	f.CPU.Allocatable = n.Status.Allocatable.Cpu().MilliValue()
	f.Memory.Allocatable = n.Status.Allocatable.Memory().Value()
	for _, p := range pods {
		if !p.Done() {
			f.CPU.Requested += p.CPU
			f.Memory.Requested += p.Memory
		}
	}
	return f
}

// Service is what there is to know about a service at a glance.
type Service struct {
	Object *corev1.Service
	// Ready of Total endpoints take traffic.
	Ready, Total int
	// Backends are the pods it leads to, in its own namespace, and whether each takes
	// traffic.
	Backends map[string]bool
	// Ports are written as kubectl does: "80:30080/TCP".
	Ports string
}

// NewService looks at a service and the slices of its endpoints.
func NewService(s *corev1.Service, slices []*discoveryv1.EndpointSlice) *Service {
	f := &Service{Object: s, Backends: map[string]bool{}}
	seen := map[string]bool{} // dual-stack services have a slice a family
	for _, slice := range slices {
		for _, e := range slice.Endpoints {
			id := strings.Join(e.Addresses, ",")
			if e.TargetRef != nil {
				id = e.TargetRef.Namespace + "/" + e.TargetRef.Name
			}
			if seen[id] {
				continue
			}
			seen[id] = true
			f.Total++
			ready := e.Conditions.Ready == nil || *e.Conditions.Ready
			if ready {
				f.Ready++
			}
			if r := e.TargetRef; r != nil && r.Kind == "Pod" {
				f.Backends[r.Name] = ready
			}
		}
	}
	var ports []string
	for _, p := range s.Spec.Ports {
		port := fmt.Sprint(p.Port)
		if p.NodePort != 0 {
			port += ":" + fmt.Sprint(p.NodePort)
		}
		ports = append(ports, port+"/"+string(p.Protocol))
	}
	f.Ports = strings.Join(ports, ",")
	return f
}

// Address is what kubectl's CLUSTER-IP column says.
func (f *Service) Address() string {
	switch {
	case f.Object.Spec.Type == corev1.ServiceTypeExternalName:
		return f.Object.Spec.ExternalName
	case f.Object.Spec.ClusterIP == "":
		return "-"
	}
	return f.Object.Spec.ClusterIP
}

// hostAnnotation tells where on the host a service is that has a load balancer.
const hostAnnotation = "kubarium.dev/host"

// Host is where the service is on this machine, "" if it is not.
func (f *Service) Host() string { return f.Object.Annotations[hostAnnotation] }

// ByName sorts objects by namespace, then name.
func ByName[T any](list []T, key func(T) (namespace, name string)) {
	slices.SortFunc(list, func(a, b T) int {
		an, a1 := key(a)
		bn, b1 := key(b)
		if c := strings.Compare(an, bn); c != 0 {
			return c
		}
		return strings.Compare(a1, b1)
	})
}
