package summary

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"kubarium/ui/facts"
	"kubarium/ui/widget"
)

func (m *maker) service(s *corev1.Service) {
	m.What = "A Service: one address and one name for pods that come and go. It sends to those that its selector finds and that are ready."
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		m.wants("the name to stand for %s", s.Spec.ExternalName)
		return
	}
	if len(s.Spec.Selector) > 0 {
		m.wants("type %s, pods with %s", s.Spec.Type, labels(s.Spec.Selector))
	} else {
		m.wants("type %s, endpoints that somebody else writes: it selects no pods", s.Spec.Type)
	}
	for _, p := range s.Spec.Ports {
		text := fmt.Sprintf("port %d to go to port %s of the pods", p.Port, p.TargetPort.String())
		if p.NodePort != 0 {
			text += fmt.Sprintf(", and port %d on each node", p.NodePort)
		}
		m.wants("%s", text)
	}
	m.has("the address %s, the name %s.%s.svc", orNone(s.Spec.ClusterIP), s.Name, s.Namespace)
	for _, i := range s.Status.LoadBalancer.Ingress {
		m.has("the load balancer's address %s", i.IP+i.Hostname)
	}
	f := m.find(s.Namespace, s.Name)
	if f == nil {
		return
	}
	m.has("%s, %d of them ready", widget.Plural(f.Total, "endpoint", "endpoints"), f.Ready)
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) == 0 {
		m.wrong("Its load balancer has no address yet.", m.kubectl("describe"))
	}
	m.serviceWrong(f)
}

func (m *maker) find(namespace, name string) *facts.Service {
	for _, f := range m.seen.Services {
		if f.Object.Namespace == namespace && f.Object.Name == name {
			return f
		}
	}
	return nil
}

func (m *maker) serviceWrong(f *facts.Service) {
	want := f.Object.Spec.Selector
	if f.Ready > 0 || len(want) == 0 {
		return
	}
	found := 0
	for _, p := range m.seen.Pods {
		if p.Object.Namespace != m.ref.Namespace || p.Done() || !fits(want, p.Object.Labels) {
			continue
		}
		if found++; found <= namedPods {
			m.wrong(fmt.Sprintf("pod %s has the labels, but is not ready: %s", p.Object.Name, p.Word), "open the pod, to read what is wrong with it")
		}
	}
	if found == 0 {
		m.wrong("No pod has the labels "+labels(want)+", so there is nowhere to send to.",
			m.list("pods", "--show-labels"), "make the selector fit the pods' labels, or the other way round")
	}
}

func fits(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

func (m *maker) ingress(i *networkingv1.Ingress) {
	m.What = "An Ingress: leads HTTP requests to services by host and path. An ingress controller does the work."
	class := i.Spec.IngressClassName
	if class != nil {
		m.wants("the class %s", *class)
	} else {
		m.wants("the default class")
	}
	for _, t := range i.Spec.TLS {
		m.wants("TLS for %s, by Secret %s", strings.Join(t.Hosts, ", "), t.SecretName)
	}
	if b := i.Spec.DefaultBackend; b != nil && b.Service != nil {
		m.backend("all else", b.Service)
	}
	for _, r := range i.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for _, p := range r.HTTP.Paths {
			if p.Backend.Service != nil {
				m.backend(r.Host+p.Path, p.Backend.Service)
			}
		}
	}
	for _, a := range i.Status.LoadBalancer.Ingress {
		m.has("the address %s", a.IP+a.Hostname)
	}
	if len(i.Status.LoadBalancer.Ingress) == 0 {
		m.wrong("No ingress controller has given it an address yet: does one serve its class?", "kubectl get ingressclasses")
	}
}

func (m *maker) backend(from string, b *networkingv1.IngressServiceBackend) {
	port := b.Port.Name
	if port == "" {
		port = fmt.Sprint(b.Port.Number)
	}
	m.wants("%s to go to service %s, port %s", from, b.Name, port)
	f := m.find(m.ref.Namespace, b.Name)
	switch {
	case f == nil:
		m.wrong(fmt.Sprintf("There is no service %s in namespace %s.", b.Name, m.ref.Namespace), m.list("services"))
		return
	case f.Ready == 0:
		m.wrong(fmt.Sprintf("Service %s leads to no ready pod.", b.Name), "open the service, to read why")
	}
	m.has("service %s: %d of %d endpoints ready", b.Name, f.Ready, f.Total)
	for _, p := range f.Object.Spec.Ports {
		if p.Name == port || fmt.Sprint(p.Port) == port {
			return
		}
	}
	m.wrong(fmt.Sprintf("Service %s has no port %s; it has %s.", b.Name, port, f.Ports), m.kubectl("edit"))
}
