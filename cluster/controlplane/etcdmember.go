package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/features"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// peerCertificate is the file name, among the certificates, of what etcd's members show
// each other.
const peerCertificate = "etcd-peer"

// member is one of etcd's: it has a socket of its own, and files.
type member struct {
	config Config
	// number counts from 1.
	number int
	log    zapcore.WriteSyncer
	server atomic.Pointer[embed.Etcd]
	// abandoned says that its last life failed, and may still have its files open.
	abandoned atomic.Bool

	mu sync.Mutex
	// stop ends what runs, and ended is closed when it has.
	stop  context.CancelFunc
	ended chan struct{}
	// failed is told if the member ends by itself.
	failed chan<- error
}

func (m *member) name() string {
	if m.number == 1 {
		return "default"
	}
	return fmt.Sprintf("%s-%d", etcdName, m.number)
}

func (m *member) dir() string {
	if m.number == 1 {
		return filepath.Join(m.config.Dir, etcdName)
	}
	return filepath.Join(m.config.Dir, m.name())
}

// start launches the member, unless it runs. It is called with nothing of it running, or
// all.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server.Load() != nil {
		return nil
	}
	if m.abandoned.Load() {
		if err := m.takeBack(); err != nil {
			return err
		}
		m.abandoned.Store(false)
	}
	failure := newFailure()
	config, err := m.embedConfig(failure)
	if err != nil {
		return err
	}
	socket := m.config.etcdSocket(m.number)
	// A socket that a killed run left behind would keep the new one from listening.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old etcd socket: %w", err)
	}
	server, err := failure.start(config)
	if err != nil {
		// What failed in the middle of its start can't be ended either.
		m.abandoned.Store(true)
		return fmt.Errorf("%w; the data is in %s", explainStore(err), config.Dir)
	}
	// The directory is private already; who copies its modes elsewhere is protected, too.
	for _, path := range []string{socket, socket + ".peer"} {
		if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			server.Close()
			return fmt.Errorf("protect etcd socket: %w", err)
		}
	}
	m.server.Store(server)
	life, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	m.stop, m.ended = stop, ended
	go func() {
		defer close(ended)
		defer stop()
		if err := m.await(life, server, failure); err != nil {
			select {
			case m.failed <- err:
			default: // One is enough to end them all.
			}
		}
	}()
	return nil
}

// await waits until the member is to stop, or has stopped, and until nothing is left of it.
func (m *member) await(ctx context.Context, server *embed.Etcd, failure *failure) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-server.Err():
	case <-server.Server.StopNotify():
		err = errors.New("etcd stopped by itself")
	case <-failure.happened:
		m.server.Store(nil)
		abandon(server)
		m.abandoned.Store(true)
		return explainStore(failure.err)
	}
	m.server.Store(nil)
	server.Close()
	return err
}

// end stops the member, and waits until it has ended.
func (m *member) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil {
		m.stop()
		<-m.ended
	}
}

func (m *member) embedConfig(failure *failure) (*embed.Config, error) {
	socket := url.URL{Scheme: "unix", Path: m.config.etcdSocket(m.number)}
	config := embed.NewConfig()
	config.Name = m.name()
	config.Dir = m.dir()
	config.ListenClientUrls = []url.URL{socket}
	config.AdvertiseClientUrls = []url.URL{socket}
	if err := m.setPeers(config, socket.Path); err != nil {
		return nil, err
	}
	config.UnsafeNoFsync = m.config.UnsafeNoFsync
	// The bootstrap policy is written in one transaction, see seed.go, and so is a former
	// state of the whole cluster, see cluster/rewind.
	config.MaxTxnOps, config.MaxRequestBytes = 1<<17, 64<<20
	// As kube-apiserver compacts, etcd need not.
	config.QuotaBackendBytes = m.config.quota()
	config.EnableGRPCGateway = false
	// Else leases begin anew with each start of etcd, and each election: events, which are for
	// an hour, were kept for ever where etcd is restarted in each.
	gates, ok := config.ServerFeatureGate.(interface{ Set(gates string) error })
	if !ok {
		return nil, errors.New("etcd's feature gates can't be set")
	}
	if err := gates.Set(fmt.Sprintf("%s=true,%s=true", features.LeaseCheckpoint, features.LeaseCheckpointPersist)); err != nil {
		return nil, fmt.Errorf("set etcd's feature gates: %w", err)
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(zapcore.NewCore(encoder, m.log, zapcore.WarnLevel),
		zap.WithFatalHook(failure), zap.WithPanicHook(failure)))
	return config, nil
}

// setPeers says where the member's peers are. A single one has none, and a unix socket that
// nobody asks. Several speak over ports of the host's loopback, as etcd's peers can't over
// unix sockets: with certificates of an authority of their own.
func (m *member) setPeers(config *embed.Config, socket string) error {
	ports := m.config.EtcdPeers
	if len(ports) == 0 {
		peer := url.URL{Scheme: "unix", Path: socket + ".peer"}
		if err := os.Remove(peer.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old etcd peer socket: %w", err)
		}
		config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		config.InitialCluster = config.Name + "=" + peer.String()
		// One member elects itself; with upstream's 100 ms ticks it takes up to a second
		// to do so.
		config.TickMs, config.ElectionMs = 10, 100
		return nil
	}
	var all []string
	for i, port := range ports {
		peer := url.URL{Scheme: "https", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
		other := member{config: m.config, number: i + 1}
		all = append(all, other.name()+"="+peer.String())
		if other.number == m.number {
			config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		}
	}
	config.InitialCluster = strings.Join(all, ",")
	certificate := m.config.PKI.Path(peerCertificate + ".pem")
	config.PeerTLSInfo = transport.TLSInfo{
		CertFile: certificate, KeyFile: certificate, ClientCertFile: certificate, ClientKeyFile: certificate,
		TrustedCAFile: m.config.PKI.Path("etcd-ca.crt"), ClientCertAuth: true,
	}
	return nil
}
