package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"kubarium/assets"
	"kubarium/cluster/component"
	"kubarium/cluster/controlplane"
	"kubarium/cluster/images"
	"kubarium/cluster/memory"
	"kubarium/cluster/network"
	"kubarium/cluster/network/follow"
	"kubarium/cluster/node"
	"kubarium/cluster/pki"
)

// settleTime is how long after its start a cluster has come to rest.
const settleTime = 8 * time.Second

// informersEndLimit is how long informers that have nothing to do need to end.
const informersEndLimit = 500 * time.Millisecond

// registryPort is where the registry listens in the cluster's network.
const registryPort = 5000

// Start brings the cluster up and returns once its API server serves and its nodes'
// kubelets run; Ready waits for the rest. On an error Start ends what it began.
func (c *Cluster) Start(ctx context.Context) error {
	err := c.start(ctx)
	if err == nil {
		return nil
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, c.Stop(stopping))
}

func (c *Cluster) start(ctx context.Context) error {
	c.started = time.Now()
	calm := memory.Starting()
	c.onStop(func(context.Context) error { calm(); return nil })
	if err := c.prepare(); err != nil {
		return err
	}
	var background context.Context
	background, c.background = context.WithCancel(context.WithoutCancel(ctx))
	egressConfig, err := c.openNetwork(ctx)
	if err != nil {
		return err
	}
	if c.plane, err = c.newPlane(egressConfig); err != nil {
		return err
	}
	c.describe()
	if err := c.serveControl(); err != nil {
		return err
	}
	c.onStop(c.stopPlane)
	// Nodes end before the control plane does: it still has work to do for them.
	c.onStop(c.stopNodes)
	c.onStop(c.faults.Close)
	c.onStop(c.releaseAll)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startPlane(groupCtx) })
	group.Go(func() error { return c.startNodes(groupCtx) })
	group.Go(func() error {
		if err := c.awaitServing(groupCtx); err != nil {
			return err
		}
		return c.follow(background)
	})
	return group.Wait()
}

func (c *Cluster) awaitServing(ctx context.Context) error {
	select {
	case <-c.serving:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare makes the directories, takes the lock, and reads or makes what lasts.
func (c *Cluster) prepare() error {
	if err := c.layout.Make(); err != nil {
		return err
	}
	var err error
	if c.lock, err = takeLock(c.layout.lock()); err != nil {
		if errors.Is(err, ErrRunning) {
			return fmt.Errorf("%w: cluster %q in %s; choose another --name, or end it with: kubarium down --name %s", err, c.options.Name, c.options.DataDir, c.options.Name)
		}
		return err
	}
	c.onStop(func(context.Context) error { return c.lock.Close() })
	c.openLog()
	// What a killed run left behind ends here, at the latest.
	cgroup := c.layout.cgroup()
	if err := node.Sweep(cgroup); err != nil {
		return fmt.Errorf("clear up after the last run: %w", err)
	}
	c.onStop(func(context.Context) error { return node.Sweep(cgroup) })
	if err := errors.Join(checkDisk(c.layout.Root), checkTasks()); err != nil {
		return err
	}
	if c.state, err = c.loadState(); err != nil {
		return err
	}
	if err := checkInotify(len(c.running())); err != nil {
		return err
	}
	if c.pki, err = pki.Open(c.layout.PKI()); err != nil {
		return fmt.Errorf("open certificates: %w", err)
	}
	return c.encryptFromStart()
}

func (c *Cluster) loadState() (state, error) {
	s, err := readState(c.layout.state())
	if errors.Is(err, errNoState) {
		s = state{Version: stateVersion, NextNode: 1}
		for range c.options.Nodes {
			n, err := newNodeState(s.NextNode)
			if err != nil {
				return s, err
			}
			s.Nodes = append(s.Nodes, n)
			s.NextNode++
		}
		if s.EtcdPeers, err = pickPeerPorts(c.options.EtcdMembers); err != nil {
			return s, err
		}
	} else if err != nil {
		return s, err
	}
	if s.Port, err = pickPort(s.Port); err != nil {
		return s, err
	}
	return s, s.write(c.layout.state())
}

// openNetwork makes the cluster's network and the proxy by which the API server
// dials into it.
func (c *Cluster) openNetwork(ctx context.Context) (string, error) {
	config := network.Default()
	config.Log = c.log
	lab, err := network.Open(ctx, config)
	if err != nil {
		return "", fmt.Errorf("make the cluster's network: %w", err)
	}
	c.network = lab
	c.onStop(func(context.Context) error { return lab.Close() })
	if err := lab.Egress(); err != nil {
		c.log.Warn("the cluster has no way out: images come from the bundled registry only", "error", err)
	}
	connect, err := lab.ServeConnect(context.WithoutCancel(ctx), c.layout.egressSocket())
	if err != nil {
		return "", fmt.Errorf("serve the API server's way into the network: %w", err)
	}
	c.connect = connect
	c.onStop(func(context.Context) error { return connect.Close() })
	path := c.layout.egressSocket() + ".yaml"
	if err := os.WriteFile(path, network.EgressConfig(c.layout.egressSocket()), 0o600); err != nil {
		return "", fmt.Errorf("write egress configuration: %w", err)
	}
	return path, nil
}

func (c *Cluster) newPlane(egressConfig string) (*controlplane.Plane, error) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Port))
	net := c.network.Config()
	config := controlplane.Config{
		Dir: c.layout.Root, LogDir: c.layout.Logs(), PKI: c.pki,
		Listen:           c.listenAPI,
		Server:           "https://" + address,
		AdvertiseAddress: net.Router,
		EgressConfig:     egressConfig,
		HangUp:           c.connect.HangUp,
		ServiceCIDR:      net.ServiceCIDR, PodCIDR: net.PodCIDR,
		ClusterName:   c.options.Name,
		EtcdPeers:     c.state.EtcdPeers,
		UnsafeNoFsync: c.options.UnsafeNoFsync,
		Hold:          c.holds,
		Fast:          c.fast.Load,
	}
	if !c.options.NoTrace {
		config.Trace = c.trace
	}
	config.RedirectGlobalLog()
	if err := c.writeKubeconfigs(config.Server); err != nil {
		return nil, err
	}
	return controlplane.New(config)
}

// listenAPI listens on the host's loopback and in the cluster's network, on the same
// port: the API server publishes but one.
func (c *Cluster) listenAPI() (net.Listener, error) {
	port := strconv.Itoa(c.state.Port)
	host, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	inside, err := c.network.Listen(context.Background(), "tcp4", net.JoinHostPort(c.network.Config().Router.String(), port))
	if err != nil {
		host.Close()
		return nil, err
	}
	return network.MergeListeners(host, inside), nil
}

// describe makes all components and nodes known before any of them starts.
func (c *Cluster) describe() {
	for _, part := range c.plane.Components() {
		c.tracker.add(part.Name(), purposes[part.Name()])
	}
	for _, a := range addonList {
		if c.options.has(a.name) {
			c.tracker.add(a.part, purposes[a.part])
		}
	}
	for _, n := range c.state.Nodes {
		c.tracker.add(n.Name, nodePurpose)
	}
}

// startPlane starts etcd, the API server, and as soon as that serves, the rest.
func (c *Cluster) startPlane(ctx context.Context) error {
	if err := c.run(ctx, c.plane.Etcd); err != nil {
		return err
	}
	if err := c.plane.Seed(ctx); err != nil {
		return err
	}
	if err := c.launch(ctx, c.plane.APIServer); err != nil {
		return err
	}
	if err := c.plane.APIServer.Serving(ctx); err != nil {
		return c.componentFailed(c.plane.APIServer, err)
	}
	close(c.serving)
	for _, part := range []component.Component{c.plane.ControllerManager, c.plane.Scheduler} {
		if err := c.launch(ctx, part); err != nil {
			return err
		}
	}
	// These are ready later, and nothing waits for it.
	later := context.WithoutCancel(ctx)
	for _, part := range c.plane.Components()[1:] {
		go func() {
			waiting, cancel := context.WithTimeout(later, 2*time.Minute)
			defer cancel()
			if err := c.awaitReady(waiting, part); err != nil {
				c.log.Error("component did not become ready", "component", part.Name(), "error", err)
			}
		}()
	}
	return nil
}

func (c *Cluster) componentFailed(part component.Component, err error) error {
	c.tracker.set(part.Name(), component.Failed, err.Error())
	return err
}

func (c *Cluster) stopPlane(ctx context.Context) error {
	// Clients end before the API server, which otherwise waits for their watches.
	parts := c.plane.Components()
	var errs []error
	for i := len(parts) - 1; i >= 0; i-- {
		c.tracker.set(parts[i].Name(), component.Stopping, "")
		errs = append(errs, parts[i].Stop(ctx))
		c.tracker.set(parts[i].Name(), component.Stopped, "")
	}
	return errors.Join(errs...)
}

// startNodes boots all nodes side by side, and starts their kubelets when the API
// server serves.
func (c *Cluster) startNodes(ctx context.Context) error {
	if err := assets.Unpack(ctx, c.layout.Bin()); err != nil {
		return fmt.Errorf("unpack helper programs: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.serveImages(groupCtx) })
	for _, n := range c.state.Nodes {
		if n.Stopped {
			continue
		}
		group.Go(func() error {
			if err := c.bootNode(groupCtx, n); err != nil {
				return err
			}
			if err := c.awaitServing(groupCtx); err != nil {
				return err
			}
			return c.startKubelet(groupCtx, n.Name)
		})
	}
	return group.Wait()
}

func (c *Cluster) registryAddress() string {
	return net.JoinHostPort(c.network.Config().Router.String(), strconv.Itoa(registryPort))
}

func (c *Cluster) serveImages(ctx context.Context) error {
	registry, err := images.Open(ctx, c.layout.Images())
	if err != nil {
		return fmt.Errorf("open image registry: %w", err)
	}
	listener, err := c.network.Listen(ctx, "tcp4", c.registryAddress())
	if err != nil {
		return fmt.Errorf("listen for image pulls: %w", err)
	}
	server := &http.Server{Handler: registry.Handler(), ReadHeaderTimeout: 10 * time.Second}
	c.mu.Lock()
	c.registry = registry
	c.mu.Unlock()
	c.onStop(func(context.Context) error { return server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("image registry ended", "error", err)
		}
	}()
	return nil
}

// writeKubeconfigs writes the administrator's kubeconfig, and for the user behind
// sudo a copy that they can read.
func (c *Cluster) writeKubeconfigs(server string) error {
	const user = "kubernetes-admin"
	pair, err := c.pki.Client(user, "system:masters")
	if err != nil {
		return err
	}
	data, err := pki.Kubeconfig(c.options.Name, user, server, c.pki.CA.PEM(), pair)
	if err != nil {
		return err
	}
	if err := c.writeKubeconfig(data); err != nil {
		return err
	}
	c.restConfig = &rest.Config{
		Host: server,
		// Informers of the app are never held back.
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.CA.PEM(), CertData: pair.Cert, KeyData: pair.Key},
	}
	return nil
}

// follow starts what watches the cluster and acts on the network: routes to the
// nodes' pods, node ports on the host, and the nodes' readiness.
func (c *Cluster) follow(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	routes, err := follow.NewRoutes(factory, c.network, c.log)
	if err != nil {
		return fmt.Errorf("follow routes: %w", err)
	}
	ports, err := follow.NewNodePorts(factory, follow.NodePortsConfig{
		Host: netip.MustParseAddr("127.0.0.1"), Lab: c.network, Log: c.log,
		Report: c.reportNodePort(ctx, client),
	})
	if err != nil {
		return fmt.Errorf("follow node ports: %w", err)
	}
	if err := c.newExtras(ctx, factory); err != nil {
		return err
	}
	nodes := factory.Core().V1().Nodes().Informer()
	if _, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { c.nodeChanged(o) },
		UpdateFunc: func(_, o any) { c.nodeChanged(o) },
	}); err != nil {
		return fmt.Errorf("follow nodes: %w", err)
	}
	factory.Start(ctx.Done())
	go routes.Run(ctx)
	go ports.Run(ctx)
	go c.finishEncryption(ctx)
	go c.startAddons(ctx)
	c.onStop(func(ctx context.Context) error { c.background(); return informersEnd(ctx, factory) })
	return nil
}

// informersEnd waits a moment for the informers to end. After the API server was away,
// they may sleep for half a minute before they look whether they are to end.
func informersEnd(ctx context.Context, factory informers.SharedInformerFactory) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		factory.Shutdown()
	}()
	select {
	case <-ended:
	case <-time.After(informersEndLimit):
	case <-ctx.Done():
	}
	return nil
}

// nodeChanged records what the node's own kubelet, or the node controller, says.
func (c *Cluster) nodeChanged(object any) {
	n, ok := object.(*corev1.Node)
	if !ok {
		return
	}
	info, known := c.tracker.get(n.Name)
	if !known || (info.State != component.Starting && info.State != component.Ready && info.State != component.Unhealthy) {
		return
	}
	for _, condition := range n.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		switch {
		case condition.Status == corev1.ConditionTrue && condition.LastHeartbeatTime.After(info.Since.Add(-time.Second)) || info.State == component.Ready && condition.Status == corev1.ConditionTrue:
			c.tracker.set(n.Name, component.Ready, "")
		case condition.Status == corev1.ConditionTrue && info.State == component.Unhealthy:
			c.tracker.set(n.Name, component.Ready, "")
		case info.State == component.Ready:
			c.tracker.set(n.Name, component.Unhealthy, condition.Message)
		}
	}
	c.noteReady()
}

// noteReady closes ready when every node that is to run is Ready.
func (c *Cluster) noteReady() {
	for _, name := range c.running() {
		if info, _ := c.tracker.get(name); info.State != component.Ready {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.ready:
	default:
		close(c.ready)
		memory.SettleAfter(settleTime)
	}
}

func (c *Cluster) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, n := range c.state.Nodes {
		if !n.Stopped {
			names = append(names, n.Name)
		}
	}
	return names
}

// withoutManagedFields saves the memory of what nobody here reads.
func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}
