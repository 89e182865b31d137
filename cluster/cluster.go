package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/images"
	"kubarium/cluster/loadbalancer"
	"kubarium/cluster/logs"
	"kubarium/cluster/memory"
	"kubarium/cluster/metrics"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
	"kubarium/cluster/pki"
	"kubarium/cluster/rewind"
	"kubarium/cluster/storage"
	"kubarium/cluster/trace"
)

// Cluster is one Kubernetes cluster of this machine.
type Cluster struct {
	options Options
	layout  Layout
	invoker Invoker
	tracker *tracker
	trace   *trace.Store
	log     *slog.Logger
	// logs has the log of each component, log is the program's own.
	logs    *logs.Files
	started time.Time
	// memory has the garbage of starts collected later; settled ends the cluster's own start.
	memory  *memory.Governor
	settled func()

	// Set by Start, in this order.
	lock *os.File
	// portNote tells that the API server had to take another port.
	portNote   string
	pki        *pki.Store
	network    *network.Network
	connect    *network.Connect
	registry   *images.Registry
	plane      *controlplane.Plane
	restConfig *rest.Config
	// cloud gives services of type LoadBalancer an address; extras are the components
	// beside the control plane's.
	cloud  *loadbalancer.Cloud
	extras []component.Component
	// closers end what Start began, last first.
	closers []func(context.Context) error
	// background ends the goroutines that watch the cluster, and with it life.
	background context.CancelFunc
	life       context.Context
	// serving is closed when the API server answers for the first time, ready when all nodes
	// were Ready, and complete when the add-ons were applied, or could not be.
	serving, ready, complete chan struct{}
	// failed is closed when Start could not do it, for the reason in failure.
	failed   chan struct{}
	failure  error
	shutdown shutdown
	// faults are what is broken on purpose.
	faults *fault.Manager
	// holds is which requests wait.
	holds *hold.Manager
	// fast is whether timers are shortened.
	fast atomic.Bool
	// access is held while the kubeconfig changes.
	access sync.Mutex
	// encrypting is held while the encryption of Secrets changes.
	encrypting sync.Mutex

	// changing is who starts or stops which component.
	changing turns
	// restarts is how long components that ended by themselves wait.
	restarts *flowcontrol.Backoff

	// rewinding is held while the cluster is brought back, and guards timeline and marks.
	rewinding sync.Mutex
	timeline  rewind.Timeline
	// marks are states to come back to, guarded by rewinding, the oldest first.
	marks []mark
	// hosts counts the shells in the cluster's network.
	hosts atomic.Int64

	mu sync.Mutex
	// frozen is what stands still; nil while the world goes on.
	frozen *freezing
	state  state
	nodes  map[string]*node.Node
	// gone is closed, for a node that ran, when nothing of it is left.
	gone map[string]chan struct{}
}

// purposes of the control plane's components, in one sentence each.
var purposes = map[string]string{
	"etcd":                    "the cluster's memory: keeps every object, and tells of each change",
	"kube-apiserver":          "the front door: checks every request, and alone talks to etcd",
	"kube-controller-manager": "the control loops: make what is match what is wanted",
	"kube-scheduler":          "decides on which node each new pod runs",
	loadbalancer.Name:         "stands for a cloud: gives LoadBalancer services an address",
	ingressName:               "a pod: brings requests from outside to services, by Ingresses and Gateways",
	node.RoleNetworkPolicy:    "on each node: lets through to pods what NetworkPolicies allow",
	metrics.Name:              "asks the kubelets what pods use: for kubectl top and the autoscaler",
	storage.Name:              "makes volumes for claims, on the disk of the pod's node",
}

// New returns a cluster that is not started.
func New(options Options) (*Cluster, error) {
	if err := options.Complete(); err != nil {
		return nil, err
	}
	invoker, err := FindInvoker()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		options:  options,
		layout:   LayoutOf(options.DataDir, options.Name),
		invoker:  invoker,
		tracker:  newTracker(),
		trace:    trace.NewStore(),
		holds:    hold.NewManager(),
		serving:  make(chan struct{}),
		ready:    make(chan struct{}),
		failed:   make(chan struct{}),
		complete: make(chan struct{}),
		nodes:    make(map[string]*node.Node),
		gone:     make(map[string]chan struct{}),
		shutdown: shutdown{done: make(chan struct{})},
		log:      slog.New(slog.DiscardHandler),
		memory:   &memory.Governor{Rest: settleTime},
		restarts: flowcontrol.NewBackOff(firstRestart, slowestRestart),
	}
	c.faults = fault.NewManager(faultWorld{c})
	c.holds.Know(c.knowsWriter)
	c.traceOwn()
	return c, nil
}

// Name returns the cluster's name.
func (c *Cluster) Name() string { return c.options.Name }

// Layout returns where the cluster keeps its state.
func (c *Cluster) Layout() Layout { return c.layout }

// Invoker returns the person who started the program.
func (c *Cluster) Invoker() Invoker { return c.invoker }

// Components returns all components and nodes and how they fare.
func (c *Cluster) Components() []component.Info { return c.tracker.list() }

// Watch tells the state of each component and node, then each change of it, until
// ctx ends.
func (c *Cluster) Watch(ctx context.Context) <-chan component.Info { return c.tracker.watch(ctx) }

// Trace returns what the taps in the components saw.
func (c *Cluster) Trace() *trace.Store { return c.trace }

// Holds has requests to the API server wait.
func (c *Cluster) Holds() *hold.Manager { return c.holds }

// Images returns the cluster's image registry, nil until it is open.
func (c *Cluster) Images() *images.Registry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registry
}

// RESTConfig returns the administrator's client configuration, once the API server
// serves.
func (c *Cluster) RESTConfig(ctx context.Context) (*rest.Config, error) {
	select {
	case <-c.serving:
		return rest.CopyConfig(c.restConfig), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ready waits until every node was Ready, or until Start failed: then they never will be.
func (c *Cluster) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.failed:
		return c.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// LogFile returns the path of a component's log, "" if it has none; a node's is its
// kubelet's, and of what runs on each node that of the first.
func (c *Cluster) LogFile(name string) string {
	switch name {
	case ingressName:
		// A pod has its log in the cluster.
		return ""
	case node.RoleNetworkPolicy:
		for _, n := range c.Nodes() {
			return filepath.Join(c.layout.Logs(), n, name+".log")
		}
	}
	if _, isComponent := purposes[name]; isComponent {
		return filepath.Join(c.layout.Logs(), name+".log")
	}
	return filepath.Join(c.layout.Logs(), name, "kubelet.log")
}

// StopComponent stops one component of the control plane; the others run on.
func (c *Cluster) StopComponent(ctx context.Context, name string) error {
	part, err := c.component(name)
	if err != nil {
		return err
	}
	if info, _ := c.tracker.get(name); info.State == component.Frozen {
		return errFrozen
	}
	return c.stopPart(ctx, part)
}

// StartComponent starts one component of the control plane, and waits until it is
// ready.
func (c *Cluster) StartComponent(ctx context.Context, name string) error {
	part, err := c.startable(name)
	if err != nil {
		return err
	}
	defer c.memory.Starting()()
	return c.run(ctx, part)
}

// startable returns a component, unless it is not to start now.
func (c *Cluster) startable(name string) (component.Component, error) {
	part, err := c.component(name)
	if err == nil && c.isFrozen() && slices.Contains(c.heldWhileFrozen(), part) {
		err = errFrozen
	}
	return part, err
}

func (c *Cluster) component(name string) (component.Component, error) {
	if c.plane == nil {
		return nil, errors.New("the cluster is not started")
	}
	var names []string
	c.mu.Lock()
	parts := append(c.plane.Components(), c.extras...)
	c.mu.Unlock()
	for _, part := range parts {
		if part.Name() == name {
			return part, nil
		}
		names = append(names, part.Name())
	}
	return nil, fmt.Errorf("there is no component %q; there are %s", name, strings.Join(names, ", "))
}

// Stop ends the whole cluster. Nothing of it runs, or stays mounted, when it returns.
func (c *Cluster) Stop(ctx context.Context) error {
	if c.background != nil {
		c.background()
	}
	c.mu.Lock()
	closers := c.closers
	c.closers = nil
	c.mu.Unlock()
	var errs []error
	for _, closer := range slices.Backward(closers) {
		errs = append(errs, closer(ctx))
	}
	return errors.Join(errs...)
}

// onStop has f called by Stop, before all that was registered earlier.
func (c *Cluster) onStop(f func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closers = append(c.closers, f)
}
