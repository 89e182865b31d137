package loadbalancer

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/api"
	"k8s.io/cloud-provider/service/helpers"
	"k8s.io/utils/ptr"
)

// HostAnnotation tells where a service is on the host, one address a port.
const HostAnnotation = "kubarium.dev/host"

// fullPause is how long a service waits for an address before it asks again.
const fullPause = 5 * time.Second

// provider is the cloud as upstream's service controller sees it.
type provider struct {
	// Interface is nil: all that the controller calls is defined here.
	cloudprovider.Interface
	cloud    *Cloud
	client   kubernetes.Interface
	recorder record.EventRecorder
}

var _ cloudprovider.LoadBalancer = (*provider)(nil)

// ProviderName is the cloud's name.
func (p *provider) ProviderName() string { return "kubarium" }

// LoadBalancer returns the provider itself.
func (p *provider) LoadBalancer() (cloudprovider.LoadBalancer, bool) { return p, true }

// GetLoadBalancerName returns the name under which a cloud would list it.
func (p *provider) GetLoadBalancerName(_ context.Context, _ string, s *corev1.Service) string {
	return s.Namespace + "/" + s.Name
}

// GetLoadBalancer tells whether the service has a load balancer.
func (p *provider) GetLoadBalancer(_ context.Context, _ string, s *corev1.Service) (*corev1.LoadBalancerStatus, bool, error) {
	address, found := p.cloud.pool.find(s.UID)
	if !found {
		return nil, false, nil
	}
	return statusOf(address.String()), true, nil
}

// EnsureLoadBalancer makes the load balancer, or brings it in line.
func (p *provider) EnsureLoadBalancer(_ context.Context, _ string, s *corev1.Service, nodes []*corev1.Node) (*corev1.LoadBalancerStatus, error) {
	address, hosts, err := p.cloud.ensure(s, nodes)
	if err != nil {
		return nil, api.NewRetryError(err.Error(), fullPause)
	}
	if err := p.tell(s, hosts); err != nil {
		return nil, err
	}
	return statusOf(address.String()), nil
}

// UpdateLoadBalancer changes the nodes that the load balancer leads to.
func (p *provider) UpdateLoadBalancer(_ context.Context, _ string, s *corev1.Service, nodes []*corev1.Node) error {
	return p.cloud.update(s, nodes)
}

// EnsureLoadBalancerDeleted takes the load balancer down.
func (p *provider) EnsureLoadBalancerDeleted(_ context.Context, _ string, s *corev1.Service) error {
	p.cloud.remove(s.UID)
	return p.annotate(s, "")
}

func statusOf(address string) *corev1.LoadBalancerStatus {
	return &corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{
		IP: address, IPMode: ptr.To(corev1.LoadBalancerIPModeVIP),
	}}}
}

// tell says on the service where on the host it is, once.
func (p *provider) tell(s *corev1.Service, hosts []hostPort) error {
	text := formatHosts(hosts)
	if text == s.Annotations[HostAnnotation] {
		return nil
	}
	if err := p.annotate(s, text); err != nil {
		return err
	}
	message := "reachable from this machine at " + text
	moved := slices.IndexFunc(hosts, func(h hostPort) bool { return h.port.number != h.on.Port() })
	if moved >= 0 {
		message += fmt.Sprintf(" (port %d of this machine is in use)", hosts[moved].port.number)
	}
	p.recorder.Event(s, corev1.EventTypeNormal, "HostAddress", message)
	return nil
}

// annotate goes by the status, the only part of a service that a cloud may write.
func (p *provider) annotate(s *corev1.Service, text string) error {
	changed := s.DeepCopy()
	if text == "" {
		delete(changed.Annotations, HostAnnotation)
	} else {
		if changed.Annotations == nil {
			changed.Annotations = map[string]string{}
		}
		changed.Annotations[HostAnnotation] = text
	}
	if s.Annotations[HostAnnotation] == text {
		return nil
	}
	if _, err := helpers.PatchService(p.client.CoreV1(), s, changed); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("note where the service is on the host: %w", err)
	}
	return nil
}
