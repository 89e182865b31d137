package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-base/configz"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"

	"kubarium/cluster/component"
	"kubarium/cluster/lifecycle"
)

const schedulerName = "kube-scheduler"

// Scheduler is the cluster's kube-scheduler.
type Scheduler struct {
	*lifecycle.Lifecycle
	config   Config
	log      klog.Logger
	endpoint *endpoint
	// running is upstream's, while there is one.
	running atomic.Pointer[scheduler.Scheduler]
}

var _ component.Component = (*Scheduler)(nil)

func newScheduler(config Config, probe *probe) *Scheduler {
	s := &Scheduler{config: config, log: config.Logs.Upstream(schedulerName), endpoint: &endpoint{config: config, probe: probe}}
	s.Lifecycle = lifecycle.New(lifecycle.Spec{
		Name:   schedulerName,
		Launch: s.launch,
		Ready:  func(ctx context.Context) error { return s.endpoint.wait(ctx, "/readyz") },
		Health: func(ctx context.Context) error { return s.endpoint.get(ctx, "/healthz") },
	})
	return s
}

// flags returns the scheduler's command line; kubeconfig and certificate are the files
// that it names.
func (s *Scheduler) flags(kubeconfig, certificate string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		// A single scheduler need not wait for a lease, and losing one would end the
		// whole process.
		"--leader-elect=false",
		// The default of 50 requests a second would be felt with a hundred pods.
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--profiling=false",
		"--tls-cert-file=" + certificate,
		"--tls-private-key-file=" + certificate,
	}
}

func (s *Scheduler) launch(ctx context.Context) (func(context.Context) error, error) {
	kubeconfig, err := s.config.writeKubeconfig("scheduler", "system:kube-scheduler")
	if err != nil {
		return nil, err
	}
	certificate, err := s.endpoint.keepCertificate("scheduler")
	if err != nil {
		return nil, err
	}
	registry, err := newRegistry()
	if err != nil {
		return nil, err
	}
	opts := options.NewOptionsWithComponentGlobalsRegistry(registry)
	set := pflag.NewFlagSet(schedulerName, pflag.ContinueOnError)
	for _, f := range opts.Flags.FlagSets {
		set.AddFlagSet(f)
	}
	if err := set.Parse(s.flags(kubeconfig, certificate)); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if err := registry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	if opts.SecureServing.Listener, err = s.endpoint.listen(); err != nil {
		return nil, err
	}
	informers, err := cache.NewInformerName(schedulerName)
	if err != nil {
		return nil, fmt.Errorf("name informers: %w", err)
	}
	opts.InformerName = informers
	ctx = klog.NewContext(ctx, s.log)
	completed, sched, err := app.Setup(ctx, opts)
	if err != nil {
		informers.Release()
		return nil, err
	}
	if s.config.Trace != nil {
		tapAttempts(sched, s.config.Trace)
	}
	return func(ctx context.Context) error {
		defer informers.Release()
		// The scheduler registers its configuration for the process, once.
		defer configz.Delete("componentconfig")
		s.running.Store(sched)
		defer s.running.Store(nil)
		err := app.Run(klog.NewContext(ctx, s.log), completed, sched)
		if ctx.Err() != nil {
			// Upstream reports every end of a scheduler without election as an error.
			return nil
		}
		return err
	}, nil
}

// endpoint is where a component of this process serves health and metrics: a free
// port of the host's loopback, so that several clusters can run side by side.
type endpoint struct {
	config  Config
	probe   *probe
	address atomic.Pointer[string]
}

// listen takes the port of the last start, so that who looks there finds it; another if
// somebody has taken that meanwhile.
func (e *endpoint) listen() (net.Listener, error) {
	const anyPort = "127.0.0.1:0"
	address := anyPort
	if last := e.address.Load(); last != nil {
		address = *last
	}
	listener, err := net.Listen("tcp4", address)
	if errors.Is(err, unix.EADDRINUSE) {
		listener, err = net.Listen("tcp4", anyPort)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for health checks: %w", err)
	}
	address = listener.Addr().String()
	e.address.Store(&address)
	return listener, nil
}

// url is where a path is served; nothing is before the first start.
func (e *endpoint) url(path string) string {
	address := e.address.Load()
	if address == nil {
		return ""
	}
	return "https://" + *address + path
}

func (e *endpoint) get(ctx context.Context, path string) error {
	return e.probe.get(ctx, e.url(path))
}

func (e *endpoint) wait(ctx context.Context, path string, checks ...string) error {
	return e.probe.wait(ctx, e.url(path), checks...)
}
