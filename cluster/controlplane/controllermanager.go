package controlplane

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/http"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-base/configz"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmconfig "k8s.io/kubernetes/cmd/kube-controller-manager/app/config"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"

	"kubarium/cluster/component"
	"kubarium/cluster/lifecycle"
	"kubarium/cluster/pki"
)

const controllerManagerName = "kube-controller-manager"

// ControllerManager is the cluster's kube-controller-manager, with all the
// controllers that are on by default.
type ControllerManager struct {
	*lifecycle.Lifecycle
	config   Config
	log      klog.Logger
	endpoint *endpoint
	// informers is the name under which upstream registers the controllers' shared
	// informers, see launch.
	informers *cache.InformerName
}

var _ component.Component = (*ControllerManager)(nil)

func newControllerManager(config Config, probe *probe) *ControllerManager {
	m := &ControllerManager{config: config, log: config.Logs.Upstream(controllerManagerName), endpoint: &endpoint{config: config, probe: probe}}
	// Many controllers report their errors without a context.
	config.Logs.Tap(controllerManagerName, m.logger())
	m.Lifecycle = lifecycle.New(lifecycle.Spec{
		Name:   controllerManagerName,
		Launch: m.launch,
		Ready:  m.ready,
		Health: func(ctx context.Context) error { return m.endpoint.get(ctx, "/healthz") },
	})
	return m
}

func (m *ControllerManager) flags(kubeconfig, certificate string) []string {
	c := m.config
	flags := []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--allocate-node-cidrs=true",
		"--bind-address=127.0.0.1",
		"--client-ca-file=" + c.PKI.Path("ca.crt"),
		"--cluster-cidr=" + c.PodCIDR.String(),
		"--cluster-name=" + c.ClusterName,
		"--cluster-signing-cert-file=" + c.PKI.Path("ca.crt"),
		"--cluster-signing-key-file=" + c.PKI.Path("ca.key"),
		"--controllers=*,bootstrapsigner,tokencleaner",
		// With the default of 20 requests a second the start alone, which makes some 40
		// service accounts, takes five seconds.
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		// One instance needs no lease, and losing one would end the whole process.
		"--leader-elect=false",
		"--profiling=false",
		"--requestheader-client-ca-file=" + c.PKI.Path("front-proxy-ca.crt"),
		"--root-ca-file=" + c.PKI.Path("ca.crt"),
		"--service-account-private-key-file=" + c.PKI.Path("sa.key"),
		"--service-cluster-ip-range=" + c.ServiceCIDR.String(),
		"--tls-cert-file=" + certificate,
		"--tls-private-key-file=" + certificate,
		"--use-service-account-credentials=true",
	}
	return append(flags, c.clockFlags(controllerManagerName)...)
}

func (m *ControllerManager) launch(ctx context.Context) (func(context.Context) error, error) {
	config, err := m.build(klog.NewContext(ctx, m.logger()))
	if err != nil {
		return nil, err
	}
	completed := config.Complete()
	// Upstream registers the name itself, and releases it only if it came as far as
	// to run the controllers. Of a name that we registered and released before, a
	// second release frees whatever is registered by then.
	if m.informers == nil {
		if m.informers, err = cache.NewInformerName(controllerManagerName); err != nil {
			return nil, fmt.Errorf("name informers: %w", err)
		}
		m.informers.Release()
	}
	return func(ctx context.Context) error {
		defer m.informers.Release()
		// The controller manager registers its configuration for the process, once.
		defer configz.Delete(app.ConfigzName)
		return app.Run(klog.NewContext(ctx, m.logger()), completed)
	}, nil
}

// logger is the controllers', of which the trace gets to know.
func (m *ControllerManager) logger() klog.Logger {
	if m.config.Trace == nil {
		return m.log
	}
	return tapControllers(m.log, m.config.Trace)
}

// ready waits until the controllers run: only then their checks join /healthz.
func (m *ControllerManager) ready(ctx context.Context) error {
	return m.endpoint.wait(ctx, "/healthz?verbose", "serviceaccount-controller")
}

func (m *ControllerManager) build(ctx context.Context) (*kcmconfig.Config, error) {
	kubeconfig, err := m.config.writeKubeconfig("controller-manager", "system:kube-controller-manager")
	if err != nil {
		return nil, err
	}
	certificate, err := m.endpoint.keepCertificate("controller-manager")
	if err != nil {
		return nil, err
	}
	opts, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, err
	}
	if opts.ComponentGlobalsRegistry, err = newRegistry(); err != nil {
		return nil, err
	}
	known, disabled, aliases := app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases()
	named := opts.Flags(known, disabled, aliases)
	set := pflag.NewFlagSet(controllerManagerName, pflag.ContinueOnError)
	for _, f := range named.FlagSets {
		set.AddFlagSet(f)
	}
	if err := set.Parse(m.flags(kubeconfig, certificate)); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if err := opts.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	if opts.SecureServing.Listener, err = m.endpoint.listen(); err != nil {
		return nil, err
	}
	config, err := opts.Config(ctx, known, disabled, aliases)
	if err != nil {
		opts.SecureServing.Listener.Close()
		return nil, err
	}
	config.Kubeconfig.Wrap(func(next http.RoundTripper) http.RoundTripper { return servingIsHealthy{next} })
	accounts := rest.CopyConfig(config.Kubeconfig)
	accounts.Wrap(func(next http.RoundTripper) http.RoundTripper { return &listedAccounts{next: next} })
	if config.Client, err = kubernetes.NewForConfig(accounts); err != nil {
		opts.SecureServing.Listener.Close()
		return nil, fmt.Errorf("make client of %s: %w", controllerManagerName, err)
	}
	return config, nil
}

// servingIsHealthy asks /version where upstream asks /healthz before it starts
// the controllers. /healthz waits for the API server's start hooks, two of which
// sleep for a second first; the controllers need none of them, since what the hooks
// write is in etcd already (see seed.go).
type servingIsHealthy struct{ next http.RoundTripper }

func (t servingIsHealthy) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path == "/healthz" {
		request = request.Clone(request.Context())
		request.URL.Path = "/version"
	}
	return t.next.RoundTrip(request)
}

// WrappedRoundTripper lets client-go find the transport below.
func (t servingIsHealthy) WrappedRoundTripper() http.RoundTripper { return t.next }

// keepCertificate keeps the certificate that the endpoint serves with.
func (e *endpoint) keepCertificate(name string) (file string, err error) {
	return e.config.PKI.KeepFile(name+"-server", func() (pki.KeyPair, error) {
		return e.config.PKI.Server(pkix.Name{CommonName: name}, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	})
}
