package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"kubarium/cluster/component"
)

const etcdName = "etcd"

// Etcd is the cluster's store. It listens on a unix socket only: nobody but the
// API server of this process, and root, can reach it.
type Etcd struct {
	service
	config Config
	server atomic.Pointer[embed.Etcd]
}

var _ component.Component = (*Etcd)(nil)

func newEtcd(config Config) *Etcd {
	e := &Etcd{config: config}
	e.service = service{name: etcdName, launch: e.launch, ready: e.ready, health: e.healthy}
	return e
}

// Client returns a client that talks to the running server without a socket. The
// caller closes it.
func (e *Etcd) Client() (*clientv3.Client, error) {
	server := e.server.Load()
	if server == nil {
		return nil, errors.New("etcd is not running")
	}
	return v3client.New(server.Server), nil
}

func (e *Etcd) launch(context.Context) (func(context.Context) error, error) {
	failure := newFailure()
	config, err := e.embedConfig(failure)
	if err != nil {
		return nil, err
	}
	// A socket that a killed run left behind would keep the new one from listening.
	if err := os.Remove(e.config.etcdSocket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old etcd socket: %w", err)
	}
	server, err := failure.start(config)
	if err != nil {
		return nil, fmt.Errorf("%w; the data is in %s", explainStore(err), config.Dir)
	}
	// The directory is private already; who copies its modes elsewhere is protected, too.
	for _, path := range []string{e.config.etcdSocket(), e.config.etcdSocket() + ".peer"} {
		if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			server.Close()
			return nil, fmt.Errorf("protect etcd socket: %w", err)
		}
	}
	e.server.Store(server)
	return func(ctx context.Context) error {
		if e.config.Trace != nil {
			watching, cancel := context.WithCancel(ctx)
			defer cancel()
			go tapWrites(watching, server, e.config.Trace)
		}
		var err error
		select {
		case <-ctx.Done():
		case err = <-server.Err():
		case <-server.Server.StopNotify():
			err = errors.New("etcd stopped by itself")
		case <-failure.happened:
			// What failed will not answer, not even to a close.
			e.server.Store(nil)
			go server.Close()
			return explainStore(failure.err)
		}
		e.server.Store(nil)
		server.Close()
		return err
	}, nil
}

func (e *Etcd) embedConfig(failure *failure) (*embed.Config, error) {
	socket := url.URL{Scheme: "unix", Path: e.config.etcdSocket()}
	config := embed.NewConfig()
	config.Name = "default"
	config.Dir = filepath.Join(e.config.Dir, "etcd")
	// A unix socket for peers too: a single member has none, and no port is opened.
	peer := url.URL{Scheme: "unix", Path: socket.Path + ".peer"}
	if err := os.Remove(peer.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old etcd peer socket: %w", err)
	}
	config.ListenClientUrls = []url.URL{socket}
	config.AdvertiseClientUrls = []url.URL{socket}
	config.ListenPeerUrls = []url.URL{peer}
	config.AdvertisePeerUrls = []url.URL{peer}
	config.InitialCluster = config.Name + "=" + peer.String()
	// One member elects itself; with upstream's 100 ms ticks it takes up to a second
	// to do so.
	config.TickMs, config.ElectionMs = 10, 100
	config.UnsafeNoFsync = e.config.UnsafeNoFsync
	// The bootstrap policy is written in one transaction, see seed.go, and so is a former
	// state of the whole cluster, see cluster/rewind.
	config.MaxTxnOps, config.MaxRequestBytes = 1<<17, 64<<20
	// As kube-apiserver compacts, etcd need not.
	config.QuotaBackendBytes = 2 << 30
	config.EnableGRPCGateway = false
	writer := zapcore.AddSync(e.config.logWriter(etcdName))
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(zapcore.NewCore(encoder, writer, zapcore.WarnLevel),
		zap.WithFatalHook(failure), zap.WithPanicHook(failure)))
	return config, nil
}

func (e *Etcd) ready(ctx context.Context) error {
	server := e.server.Load()
	if server == nil {
		return errors.New("etcd is not running")
	}
	select {
	case <-server.Server.ReadyNotify():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// healthy asks for a linearizable read, as etcd's own /health does.
func (e *Etcd) healthy(ctx context.Context) error {
	client, err := e.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = client.Get(ctx, "health")
	return err
}
