package loadbalancer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	service "k8s.io/cloud-provider/controllers/service"
	"k8s.io/component-base/metrics/prometheus/controllers"

	"kubarium/cluster/component"
)

// Name is what upstream calls the component that runs a cloud's controllers, and User
// the name under which it asks the API server.
const (
	Name = "cloud-controller-manager"
	User = "system:cloud-controller-manager"
)

// Manager runs upstream's service controller: it watches services of type LoadBalancer
// and asks the cloud for what they need.
type Manager struct {
	client kubernetes.Interface
	cloud  *Cloud

	mu     sync.Mutex
	cancel context.CancelFunc
	// synced is closed when the controller works, and done when it has ended.
	synced, done chan struct{}
}

var _ component.Component = (*Manager)(nil)

// NewManager returns a manager of the cloud that is not started.
func NewManager(client kubernetes.Interface, cloud *Cloud) *Manager {
	return &Manager{client: client, cloud: cloud}
}

// Name is the component's name.
func (m *Manager) Name() string { return Name }

// Start begins to manage load balancers.
func (m *Manager) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done != nil {
		return nil
	}
	factory := informers.NewSharedInformerFactory(m.client, 0)
	services := factory.Core().V1().Services()
	events := record.NewBroadcaster(record.WithContext(context.WithoutCancel(ctx)))
	p := &provider{cloud: m.cloud, client: m.client, recorder: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: Name})}
	controller, err := service.New(p, m.client, services, factory.Core().V1().Nodes(), "kubernetes", nil)
	if err != nil {
		events.Shutdown()
		return fmt.Errorf("start %s: %w", Name, err)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	m.cancel, m.synced, m.done = cancel, make(chan struct{}), make(chan struct{})
	synced, done := m.synced, m.done
	events.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: m.client.CoreV1().Events("")})
	factory.Start(life.Done())
	go func() {
		defer close(done)
		// Not waited for: after the API server was away, an informer may sleep for half a
		// minute before it looks whether it is to end.
		defer func() { go factory.Shutdown() }()
		defer events.Shutdown()
		if !cache.WaitForCacheSync(life.Done(), services.Informer().HasSynced, factory.Core().V1().Nodes().Informer().HasSynced) {
			return
		}
		m.cloud.adopt(services.Lister())
		close(synced)
		controller.Run(life, 1, controllers.NewControllerManagerMetrics(Name))
	}()
	return nil
}

// Ready waits until the manager knows all services.
func (m *Manager) Ready(ctx context.Context) error {
	m.mu.Lock()
	synced, done := m.synced, m.done
	m.mu.Unlock()
	if done == nil {
		return fmt.Errorf("%s is not started", Name)
	}
	select {
	case <-synced:
		return nil
	case <-done:
		return fmt.Errorf("%s ended while it started", Name)
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", Name, ctx.Err())
	}
}

// Stop ends the manager. The load balancers that there are go on working.
func (m *Manager) Stop(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		return nil
	}
	m.cancel()
	select {
	case <-m.done:
		m.done = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", Name, ctx.Err())
	}
}

// Health tells whether the manager runs.
func (m *Manager) Health(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		return errors.New(Name + " is not running")
	}
	return nil
}

// adopt keeps for services the addresses they have from an earlier run, before any other
// gets one.
func (c *Cloud) adopt(lister corelisters.ServiceLister) {
	list, err := lister.List(labels.Everything())
	if err != nil {
		return
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *corev1.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	for _, s := range list {
		if s.Spec.LoadBalancerClass != nil {
			continue
		}
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			if address, err := netip.ParseAddr(ingress.IP); err == nil && !c.pool.adopt(address, s.UID) {
				c.config.Log.Warn("the service has to change its address", "service", s.Name, "address", address)
			}
		}
	}
}
