package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"kubarium/cluster/component"
	"kubarium/cluster/lifecycle"
)

const etcdName = "etcd"

// Etcd is the cluster's store, of one member or three. It listens for clients on unix
// sockets only: nobody but the API server of this process, and root, can reach it.
type Etcd struct {
	*lifecycle.Lifecycle
	config  Config
	members []*member
	// writes is nil without a trace.
	writes *writeTap
	leases leaseTerms
}

var _ component.Component = (*Etcd)(nil)

func newEtcd(config Config) *Etcd {
	e := &Etcd{config: config}
	if config.Trace != nil {
		e.writes = newWriteTap(config.Trace)
	}
	log := zapcore.AddSync(config.Logs.Writer(etcdName))
	for i := range max(1, len(config.EtcdPeers)) {
		e.members = append(e.members, &member{config: config, number: i + 1, log: zapcore.Lock(log)})
	}
	e.Lifecycle = lifecycle.New(lifecycle.Spec{Name: etcdName, Launch: e.launch, Ready: e.ready, Health: e.healthy})
	return e
}

// Client returns a client that talks to the first running member without a socket. The
// caller closes it.
func (e *Etcd) Client() (*clientv3.Client, error) {
	server := e.members[0].server.Load()
	if server == nil {
		return nil, errors.New("etcd is not running")
	}
	return v3client.New(server.Server), nil
}

// leader waits until the members have elected, and returns a client that talks to the one that
// leads. The caller closes it.
func (e *Etcd) leader(ctx context.Context) (*clientv3.Client, error) {
	first := e.members[0].server.Load()
	if first == nil {
		return nil, errors.New("etcd is not running")
	}
	select {
	case <-first.Server.ReadyNotify():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, m := range e.members {
		if server := m.server.Load(); server != nil && server.Server.Lead() == uint64(server.Server.MemberID()) {
			return v3client.New(server.Server), nil
		}
	}
	return nil, errors.New("etcd has no leader")
}

func (e *Etcd) launch(context.Context) (func(context.Context) error, error) {
	if len(e.members) > 1 {
		if _, err := e.config.PKI.KeepFile(peerCertificate, e.config.PKI.EtcdPeer); err != nil {
			return nil, err
		}
	}
	failed := make(chan error, len(e.members))
	var starting errgroup.Group
	for _, m := range e.members {
		m.failed = failed
		starting.Go(m.start)
	}
	if err := starting.Wait(); err != nil {
		e.end(e.members)
		return nil, err
	}
	first := e.members[0].server.Load()
	var begin int64
	if first != nil {
		begin = first.Server.KV().Rev()
	}
	return func(ctx context.Context) error {
		var looking, tapping sync.WaitGroup
		defer looking.Wait()
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		if e.writes != nil && first != nil {
			tapping.Go(func() { e.writes.run(running, first, begin) })
		}
		looking.Go(func() { e.leases.run(running, e.leader) })
		var err error
		select {
		case <-ctx.Done():
		case err = <-failed:
			cancel()
		}
		// It reads where etcd itself does.
		tapping.Wait()
		e.end(e.members)
		return err
	}, nil
}

// end stops members, and waits until they have ended. All at once: a member that is alone
// waits in vain for the others to take over.
func (e *Etcd) end(members []*member) {
	var ending errgroup.Group
	for _, m := range members {
		ending.Go(func() error { m.end(); return nil })
	}
	_ = ending.Wait()
}

func (e *Etcd) ready(ctx context.Context) error {
	for _, m := range e.members {
		server := m.server.Load()
		if server == nil {
			return errors.New("etcd is not running")
		}
		select {
		case <-server.Server.ReadyNotify():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// healthy asks for a linearizable read, and looks whether etcd is full, as etcd's own
// /health does.
func (e *Etcd) healthy(ctx context.Context) error {
	client, err := e.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err = client.Get(ctx, "health"); err != nil && len(e.members) > 1 {
		var off []string
		for _, m := range e.members {
			if m.server.Load() == nil {
				off = append(off, m.name())
			}
		}
		if len(off) > len(e.members)/2 {
			return fmt.Errorf("no quorum, %s of %d members are off: %w", strings.Join(off, " and "), len(e.members), err)
		}
	}
	if server := e.members[0].server.Load(); err == nil && server != nil && isFull(server) {
		return errors.New("etcd reached the limit of its file, and takes deletions only")
	}
	return err
}

// LoseQuorum stops as many members that the others are no majority. The first stays.
func (e *Etcd) LoseQuorum() error {
	if len(e.members) < 3 {
		return errors.New("etcd has one member, and that is its own majority: make another cluster with --etcd-members 3")
	}
	if !e.Running() {
		return errors.New("etcd is not running")
	}
	e.end(e.majority())
	return nil
}

// RestoreQuorum starts them, and waits until etcd serves.
func (e *Etcd) RestoreQuorum(ctx context.Context) error {
	// Its next start is that of all members.
	if !e.Running() {
		return nil
	}
	var starting errgroup.Group
	for _, m := range e.majority() {
		starting.Go(m.start)
	}
	err := starting.Wait()
	if !e.Running() {
		e.end(e.majority())
		return nil
	}
	if err != nil {
		return err
	}
	return e.Ready(ctx)
}

func (e *Etcd) majority() []*member { return e.members[(len(e.members)-1)/2:] }
