package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var webTarget = intstr.FromInt32(webPort)

// hostAnnotation tells where on this machine a load balancer is.
const hostAnnotation = "kubarium.dev/host"

// visit fetches a page from this machine, by the name that the server is to know.
func visit(ctx context.Context, address, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return err
	}
	if host != "" {
		request.Host = host
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(string(page), "Hello from pod ") {
		return fmt.Errorf("http://%s answers %s: %.80q", address, response.Status, page)
	}
	return nil
}

func nodePort(ctx context.Context, w *ward) error {
	s, err := w.service(ctx, "port", corev1.ServiceTypeNodePort)
	if err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.Spec.Ports[0].NodePort)))
	return eventually(ctx, func(ctx context.Context) error { return visit(ctx, address, "") })
}

func loadBalancer(ctx context.Context, w *ward) error {
	if _, err := w.service(ctx, "balanced", corev1.ServiceTypeLoadBalancer); err != nil {
		return err
	}
	var s *corev1.Service
	err := eventually(ctx, func(ctx context.Context) (err error) {
		if s, err = w.client.CoreV1().Services(w.name).Get(ctx, "balanced", metav1.GetOptions{}); err != nil {
			return fmt.Errorf("get service: %w", err)
		}
		if len(s.Status.LoadBalancer.Ingress) == 0 || s.Annotations[hostAnnotation] == "" {
			return errors.New("a new service gets no address: see 'kubectl describe service' of one")
		}
		return nil
	})
	if err != nil {
		return err
	}
	inside := s.Status.LoadBalancer.Ingress[0].IP
	err = w.each(ctx, func(ctx context.Context, node string, p pod) error {
		return eventually(ctx, func(ctx context.Context) error {
			if _, err := w.exec(ctx, p.name, "wget", "-T", "3", "-qO-", "http://"+inside); err != nil {
				return fmt.Errorf("from %s: %w", node, err)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error { return visit(ctx, onHost(s), "") })
}

// onHost is where this machine has the first port of a load balancer.
func onHost(s *corev1.Service) string {
	first, _, _ := strings.Cut(s.Annotations[hostAnnotation], ",")
	return strings.TrimSpace(first)
}

// hasIngressClass fails while there is no default class of ingresses.
func (w *ward) hasIngressClass(ctx context.Context) error {
	classes, err := w.client.NetworkingV1().IngressClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list ingress classes: %w", err)
	}
	for _, c := range classes.Items {
		if c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			return nil
		}
	}
	return errors.New("there is no default ingress class")
}

func ingress(ctx context.Context, w *ward) error {
	// An ingress gets the default class when it is made, or never.
	if err := eventually(ctx, w.hasIngressClass); err != nil {
		return err
	}
	if _, err := w.service(ctx, "behind", corev1.ServiceTypeClusterIP); err != nil {
		return err
	}
	host, kind := w.name+".example", networkingv1.PathTypePrefix
	_, err := w.client.NetworkingV1().Ingresses(w.name).Create(ctx, &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "door"},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &kind, Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "behind", Port: networkingv1.ServiceBackendPort{Number: 80}},
			}}}},
		}}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make ingress: %w", err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		door, err := w.client.NetworkingV1().Ingresses(w.name).Get(ctx, "door", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get ingress: %w", err)
		}
		if len(door.Status.LoadBalancer.Ingress) == 0 {
			return errors.New("a new ingress gets no address: does the controller run?")
		}
		address, err := w.balancerAt(ctx, door.Status.LoadBalancer.Ingress[0].IP)
		if err != nil {
			return err
		}
		return visit(ctx, address, host)
	})
}

// balancerAt finds where this machine has the load balancer with an address.
func (w *ward) balancerAt(ctx context.Context, ip string) (string, error) {
	all, err := w.client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("list services: %w", err)
	}
	for _, s := range all.Items {
		for _, i := range s.Status.LoadBalancer.Ingress {
			if i.IP == ip && onHost(&s) != "" {
				return onHost(&s), nil
			}
		}
	}
	return "", fmt.Errorf("no service has the ingress' address %s on this machine", ip)
}
