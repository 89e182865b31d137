package follow

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"

	"kubarium/cluster/reconcile"
)

// Port is a node port of a service.
type Port struct {
	Number   uint16
	Protocol corev1.Protocol
}

// PortEvent tells what became of a service's node port on the host.
type PortEvent struct {
	Service types.NamespacedName
	UID     types.UID
	Port    Port
	// Err says why the host can't listen there (something else does); it is
	// tried again. Nil means that the host listens.
	Err error
}

// NodePortsConfig says where node ports are reachable.
type NodePortsConfig struct {
	// Host is the address on the host: a loopback one.
	Host netip.Addr
	// Lab dials into the lab.
	Lab Dialer
	// Report, if set, is told when a port begins to be listened on, and when
	// that can't be; it is called from one goroutine.
	Report func(PortEvent)
	// Log takes what else goes wrong.
	Log *slog.Logger
}

// NodePorts makes services of the types NodePort and LoadBalancer reachable on
// the host under their node port, as they are on each node.
type NodePorts struct {
	config   NodePortsConfig
	services listers.ServiceLister
	nodes    *nodePicker
	loop     *reconcile.Loop

	mu   sync.Mutex
	open map[Port]*openPort
}

// openPort is a node port that is listened on, or was tried to be.
type openPort struct {
	service types.NamespacedName
	uid     types.UID
	// close is nil while the port can't be listened on.
	close func()
	err   error
}

// NewNodePorts registers with the factory, which the caller starts afterwards.
func NewNodePorts(factory informers.SharedInformerFactory, config NodePortsConfig) (*NodePorts, error) {
	services := factory.Core().V1().Services()
	p := &NodePorts{
		config:   config,
		services: services.Lister(),
		nodes:    &nodePicker{nodes: factory.Core().V1().Nodes().Lister(), lab: config.Lab},
		open:     map[Port]*openPort{},
	}
	p.loop = reconcile.NewLoop(p.reconcile)
	// Nodes are looked up anew for each connection; only the cache is needed.
	p.loop.Await(factory.Core().V1().Nodes().Informer().HasSynced)
	return p, p.loop.Watch(services.Informer(), func(_, _ any) bool { return true })
}

// Run serves node ports until ctx ends, then closes them and their connections.
func (p *NodePorts) Run(ctx context.Context) {
	p.loop.Run(ctx)
	p.closeExcept(nil)
}

// Blocked lists the ports the host can't listen on at present.
func (p *NodePorts) Blocked() []PortEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []PortEvent
	for port, o := range p.open {
		if o.err != nil {
			list = append(list, PortEvent{Service: o.service, UID: o.uid, Port: port, Err: o.err})
		}
	}
	return list
}

func (p *NodePorts) reconcile(ctx context.Context) bool {
	services, err := p.services.List(labels.Everything())
	if err != nil {
		p.config.Log.Error("list services", "err", err)
		return false
	}
	want := map[Port]*corev1.Service{}
	for _, s := range services {
		for _, port := range nodePorts(s) {
			want[port] = s
		}
	}
	p.closeExcept(want)
	done := true
	for port, service := range want {
		done = p.ensure(ctx, port, service) && done
	}
	return done
}

// nodePorts are the ports of the service that nodes listen on.
func nodePorts(s *corev1.Service) []Port {
	if s.Spec.Type != corev1.ServiceTypeNodePort && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	var list []Port
	for _, p := range s.Spec.Ports {
		known := p.Protocol == corev1.ProtocolTCP || p.Protocol == corev1.ProtocolUDP
		if known && p.NodePort > 0 && p.NodePort < 1<<16 {
			list = append(list, Port{Number: uint16(p.NodePort), Protocol: p.Protocol})
		}
	}
	return list
}

// closeExcept closes the ports that no service, or another one, has now.
func (p *NodePorts) closeExcept(want map[Port]*corev1.Service) {
	p.mu.Lock()
	var closers []func()
	for port, o := range p.open {
		if s := want[port]; s != nil && s.UID == o.uid {
			continue
		}
		if o.close != nil {
			closers = append(closers, o.close)
		}
		delete(p.open, port)
	}
	p.mu.Unlock()
	for _, c := range closers {
		c()
	}
}

// ensure listens on the port unless that is so already, and reports each change.
func (p *NodePorts) ensure(ctx context.Context, port Port, s *corev1.Service) bool {
	p.mu.Lock()
	o, known := p.open[port]
	p.mu.Unlock()
	if known && o.close != nil {
		return true
	}
	closePort, err := p.listen(ctx, port)
	p.mu.Lock()
	fresh := &openPort{
		service: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}, uid: s.UID, close: closePort, err: err,
	}
	p.open[port] = fresh
	p.mu.Unlock()
	if p.config.Report != nil && (!known || err == nil) {
		p.config.Report(PortEvent{Service: fresh.service, UID: fresh.uid, Port: port, Err: err})
	}
	return err == nil
}
