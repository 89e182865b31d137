package controlplane

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"kubarium/cluster/component"
	"kubarium/cluster/lifecycle"
	"kubarium/cluster/pki"
	"kubarium/cluster/sockets"
)

// APIServerName is the API server's name among components.
const APIServerName = "kube-apiserver"

// APIServer is the cluster's kube-apiserver, with its aggregator and API
// extensions server.
type APIServer struct {
	*lifecycle.Lifecycle
	config Config
	probe  *probe
	// tolerations are what pods get that are made on it.
	tolerations tolerations
	// disconnect breaks the connections of what was launched last.
	disconnect func()
}

var _ component.Component = (*APIServer)(nil)

func newAPIServer(config Config, probe *probe) *APIServer {
	a := &APIServer{config: config, probe: probe}
	a.Lifecycle = lifecycle.New(lifecycle.Spec{
		Name:   APIServerName,
		Launch: a.launch,
		Ready:  func(ctx context.Context) error { return a.probe.wait(ctx, config.Server+"/readyz") },
		Health: func(ctx context.Context) error { return a.probe.get(ctx, config.Server+"/livez") },
		HangUp: func() { a.disconnect() },
	})
	return a
}

// Serving waits until the API server answers requests. It is ready somewhat later:
// two of its start hooks sleep for a second before they look.
func (a *APIServer) Serving(ctx context.Context) error {
	return a.probe.wait(ctx, a.config.Server+"/livez/ping")
}

func (a *APIServer) launch(context.Context) (func(context.Context) error, error) {
	informers, err := cache.NewInformerName(APIServerName)
	if err != nil {
		return nil, fmt.Errorf("name informers: %w", err)
	}
	s, err := a.options()
	if err != nil {
		informers.Release()
		return nil, err
	}
	s.InformerName = informers
	a.disconnect = func() { a.drop(s.SecureServing.Listener) }
	return func(ctx context.Context) error {
		// The name is released at the end, or the next start could not register it.
		defer informers.Release()
		defer a.hangUp(s.SecureServing.Listener)
		return a.run(ctx, s)
	}, nil
}

// hangUp closes the connections that the end of a process would have closed: those of
// clients that did not go, and the server's own into the cluster. Through either, all of
// a server that has ended would stay in memory.
func (a *APIServer) hangUp(listener net.Listener) {
	if tracked, ok := listener.(*sockets.Listener); ok {
		tracked.HangUp()
	}
	if a.config.HangUp != nil {
		a.config.HangUp()
	}
}

// drop breaks all connections of a server that still runs.
func (a *APIServer) drop(listener net.Listener) {
	if tracked, ok := listener.(*sockets.Listener); ok {
		tracked.Drop()
	}
	if a.config.HangUp != nil {
		a.config.HangUp()
	}
}

// SetTimers gives it the timers that a start would give it now.
func (a *APIServer) SetTimers() error {
	if err := a.tolerations.set(a.config.clockFlags(APIServerName)); err != nil {
		return fmt.Errorf("set timers of %s: %w", APIServerName, err)
	}
	return nil
}

// options returns the API server's options: upstream's defaults and our flags.
func (a *APIServer) options() (*options.ServerRunOptions, error) {
	flags, err := a.flags()
	if err != nil {
		return nil, err
	}
	s := options.NewServerRunOptions()
	if s.GenericServerRunOptions.ComponentGlobalsRegistry, err = newRegistry(); err != nil {
		return nil, err
	}
	set := pflag.NewFlagSet(APIServerName, pflag.ContinueOnError)
	for _, f := range s.Flags().FlagSets {
		set.AddFlagSet(f)
	}
	if err := set.Parse(flags); err != nil {
		return nil, fmt.Errorf("parse flags: %w", err)
	}
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("set feature gates: %w", err)
	}
	listener, err := a.config.Listen()
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.SecureServing.Listener = sockets.Track(listener)
	plugins := s.Admission.GenericAdmission
	// Innermost: what others put around the plugin stays.
	plugins.Decorators = slices.Insert(plugins.Decorators, 0, admission.Decorator(&a.tolerations))
	if a.config.Trace != nil {
		plugins.Decorators = append(plugins.Decorators, admission.DecoratorFunc(tapAdmission))
	}
	return s, nil
}

// run is upstream's app.Run, opened where the handler chain can be wrapped.
func (a *APIServer) run(ctx context.Context, s *options.ServerRunOptions) error {
	defer s.SecureServing.Listener.Close()
	completed, err := s.Complete(ctx)
	if err != nil {
		return fmt.Errorf("complete options: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return fmt.Errorf("validate options: %w", errs[0])
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return fmt.Errorf("build configuration: %w", err)
	}
	if a.config.Hold != nil {
		holdRequests(&config.Aggregator.GenericConfig.Config, a.config.Hold, ctx)
	}
	if a.config.Trace != nil {
		// Of the three servers' configurations, this one's handlers see all requests.
		plane := config.KubeAPIs.ControlPlane
		tapRequests(&config.Aggregator.GenericConfig.Config, a.config.Trace, newRuleBook(plane.VersionedInformers))
		generic := plane.Generic
		watches := newWatchTap(a.config.Trace)
		generic.RESTOptionsGetter = revisionTap{generic.RESTOptionsGetter, watches}
		custom := &config.ApiExtensions.ExtraConfig
		custom.CRDRESTOptionsGetter = revisionTap{custom.CRDRESTOptionsGetter, watches}
	}
	awaitRoles(ctx, &config.Aggregator.GenericConfig.Config, config.KubeAPIs.ControlPlane.VersionedInformers)
	door := putDoor(&config.Aggregator.GenericConfig.Config)
	complete, err := config.Complete()
	if err != nil {
		return fmt.Errorf("complete configuration: %w", err)
	}
	chain, err := app.CreateServerChain(complete)
	if err != nil {
		return fmt.Errorf("build server chain: %w", err)
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	err = prepared.Run(ctx)
	// Without connections nobody comes through the door any more.
	a.hangUp(s.SecureServing.Listener)
	door.close(chain.GenericAPIServer.Handler)
	return err
}

// flags returns the API server's command line, and issues the certificates that it
// names.
func (a *APIServer) flags() ([]string, error) {
	files, err := a.writeCertificates()
	if err != nil {
		return nil, err
	}
	c := a.config
	flags := []string{
		"--etcd-servers=" + c.etcdServers(),
		"--advertise-address=" + c.AdvertiseAddress.String(),
		"--allow-privileged=true",
		"--authentication-config=" + files.authentication,
		"--authorization-mode=Node,RBAC",
		"--client-ca-file=" + c.PKI.Path("ca.crt"),
		"--enable-admission-plugins=NodeRestriction",
		// Webhooks and aggregated API servers are dialed at their pods' addresses: no
		// kube-proxy runs where the API server does.
		"--enable-aggregator-routing=true",
		"--enable-bootstrap-token-auth=true",
		"--kubelet-certificate-authority=" + c.PKI.Path("ca.crt"),
		"--kubelet-client-certificate=" + files.kubelet,
		"--kubelet-client-key=" + files.kubelet,
		// Node names are not in any DNS.
		"--kubelet-preferred-address-types=InternalIP",
		"--profiling=false",
		"--proxy-client-cert-file=" + files.proxy,
		"--proxy-client-key-file=" + files.proxy,
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-client-ca-file=" + c.PKI.Path("front-proxy-ca.crt"),
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.PKI.Path("sa.pub"),
		"--service-account-signing-key-file=" + c.PKI.Path("sa.key"),
		"--service-cluster-ip-range=" + c.ServiceCIDR.String(),
		// Watches are told to go elsewhere, so that a stop takes a second and not the
		// minute that a request may last.
		"--shutdown-send-retry-after=true",
		"--shutdown-watch-termination-grace-period=1s",
		"--tls-cert-file=" + files.serving,
		"--tls-private-key-file=" + files.serving,
	}
	flags = append(flags, c.clockFlags(APIServerName)...)
	flags = append(flags, c.encryptionFlags()...)
	if c.EgressConfig != "" {
		flags = append(flags, "--egress-selector-config-file="+c.EgressConfig)
	}
	if c.AuditLog != "" {
		policy := c.PKI.Path("audit-policy.yaml")
		if err := writePrivate(policy, []byte(auditPolicy)); err != nil {
			return nil, fmt.Errorf("write audit policy: %w", err)
		}
		flags = append(flags, "--audit-log-path="+c.AuditLog, "--audit-policy-file="+policy)
	}
	return flags, nil
}

// auditPolicy has every answer logged, without contents.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

type apiServerFiles struct {
	authentication string
	// Each holds a certificate and its key.
	serving, kubelet, proxy string
}

// authenticationConfig lets anonymous requests reach health checks only.
const authenticationConfig = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
`

func (a *APIServer) writeCertificates() (apiServerFiles, error) {
	c := a.config
	service := c.ServiceCIDR.Masked().Addr().Next()
	serving, err := c.PKI.KeepFile("apiserver", func() (pki.KeyPair, error) {
		return c.PKI.Server(pkix.Name{CommonName: APIServerName},
			[]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"},
			[]net.IP{net.IPv4(127, 0, 0, 1), c.AdvertiseAddress.AsSlice(), service.AsSlice()})
	})
	if err != nil {
		return apiServerFiles{}, err
	}
	kubelet, err := c.PKI.KeepFile("apiserver-kubelet-client", func() (pki.KeyPair, error) {
		return c.PKI.Client("kube-apiserver-kubelet-client", "system:masters")
	})
	if err != nil {
		return apiServerFiles{}, err
	}
	proxy, err := c.PKI.KeepFile("front-proxy-client", func() (pki.KeyPair, error) {
		return c.PKI.FrontProxyClient("front-proxy-client")
	})
	if err != nil {
		return apiServerFiles{}, err
	}
	authentication := c.PKI.Path("authentication.yaml")
	err = writePrivate(authentication, []byte(strings.TrimSpace(authenticationConfig)+"\n"))
	return apiServerFiles{authentication: authentication, serving: serving, kubelet: kubelet, proxy: proxy}, err
}
