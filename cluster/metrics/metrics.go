// Package metrics runs upstream's metrics-server in this process: it reads from every
// kubelet what pods use, and answers the resource metrics API, for "kubectl top" and
// the autoscaler.
//
// A pod of it would take some 40 MiB more and have to be scheduled first. To the API
// server it is an aggregated one as any other: reached through a Service, trusted by a
// certificate, and asked on behalf of users whom it authorizes itself.
package metrics

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"k8s.io/client-go/util/connrotation"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
	"sigs.k8s.io/metrics-server/pkg/server"

	"kubarium/cluster/component"
	"kubarium/cluster/lifecycle"
	"kubarium/cluster/pki"
	"kubarium/cluster/sockets"
)

// Name is the component's name, and User the one under which it asks the API server
// and the kubelets.
const (
	Name = "metrics-server"
	User = "system:metrics-server"
)

// Port is where it listens in the cluster's network; its EndpointSlice says the same.
const Port = 4443

// resolution is how often kubelets are asked. They measure each ten seconds, and of a
// new container two different answers are needed: asked as seldom as they measure, it
// would be known after twenty seconds, and so after fifteen.
const resolution = 5 * time.Second

// Lab is the cluster's network, in which kubelets and the API server's dialer are.
type Lab interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Config says where all is that the server needs.
type Config struct {
	Lab Lab
	// Address is the one of the lab's at which to listen, host:port.
	Address string
	PKI     *pki.Store
	// APIServer is its URL for this process.
	APIServer   string
	ClusterName string
}

// Server is the component.
type Server struct {
	*lifecycle.Lifecycle
	config Config
	// disconnect breaks the connections to what was launched last.
	disconnect func()
}

var _ component.Component = (*Server)(nil)

// New returns a server that is not started.
func New(config Config) *Server {
	s := &Server{config: config}
	s.Lifecycle = lifecycle.New(lifecycle.Spec{
		Name: Name, Launch: s.launch, Ready: s.ready, Health: s.health,
		HangUp: func() { s.disconnect() },
	})
	return s
}

// launch builds a server that listens, and does not serve yet.
func (s *Server) launch(ctx context.Context) (run func(context.Context) error, err error) {
	plain, err := s.config.Lab.Listen(ctx, "tcp4", s.config.Address)
	if err != nil {
		return nil, err
	}
	listener := sockets.Track(plain)
	kubelets := connrotation.NewDialer(s.config.Lab.DialContext)
	config, err := s.build(listener)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	config.Kubelet.Client.Dial = kubelets.DialContext
	complete, err := config.Complete()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.disconnect = listener.Drop
	return func(ctx context.Context) error {
		// Each server has a transport of its own to the kubelets, which would keep its
		// idle connections for 90 s more.
		defer kubelets.CloseAll()
		defer listener.HangUp()
		return complete.RunUntil(ctx.Done())
	}, nil
}

// build makes upstream's configuration from upstream's options.
func (s *Server) build(listener net.Listener) (*server.Config, error) {
	o := options.NewOptions()
	c := s.config
	kubeconfig, err := s.writeKubeconfig()
	if err != nil {
		return nil, err
	}
	serving, err := c.PKI.KeepFile(Name+"-server", func() (pki.KeyPair, error) {
		return c.PKI.Server(pkix.Name{CommonName: Name}, []string{Name + ".kube-system.svc", "localhost"}, nil)
	})
	if err != nil {
		return nil, err
	}
	certificate := &o.SecureServing.ServerCert.CertKey
	certificate.CertFile, certificate.KeyFile = serving, serving
	o.SecureServing.Listener = listener
	o.Kubeconfig = kubeconfig
	o.MetricResolution = resolution
	o.KubeletClient.KubeletUseNodeStatusPort = true
	o.KubeletClient.KubeletPreferredAddressTypes = []string{"InternalIP"}
	o.KubeletClient.KubeletRequestTimeout = resolution / 2
	// The same that the API server publishes for its extensions, without asking for it.
	o.Authentication.SkipInClusterLookup = true
	o.Authentication.RemoteKubeConfigFile = kubeconfig
	o.Authentication.ClientCert.ClientCA = c.PKI.Path("ca.crt")
	o.Authentication.RequestHeader.ClientCAFile = c.PKI.Path("front-proxy-ca.crt")
	o.Authentication.RequestHeader.AllowedNames = []string{"front-proxy-client"}
	o.Authorization.RemoteKubeConfigFile = kubeconfig
	config, err := o.ServerConfig()
	if err != nil {
		return nil, err
	}
	// It bounds how long a stop waits for connections, too.
	config.Apiserver.RequestTimeout = resolution / 2
	return config, nil
}

func (s *Server) writeKubeconfig() (string, error) {
	pair, err := s.config.PKI.KeepFile(Name, func() (pki.KeyPair, error) { return s.config.PKI.Client(User) })
	if err != nil {
		return "", err
	}
	data, err := pki.FileKubeconfig(s.config.ClusterName, User, s.config.APIServer, s.config.PKI.CA.PEM(), pair)
	if err != nil {
		return "", err
	}
	path := s.config.PKI.Path(Name + ".kubeconfig")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("write kubeconfig of %s: %w", Name, err)
	}
	return path, nil
}
