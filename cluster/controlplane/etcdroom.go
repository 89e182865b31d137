package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

const (
	// etcdQuota is how large etcd's file may become, unless Config says it: upstream's default.
	etcdQuota = 2 << 30
	// makeRoomLimit bounds an attempt to make room: as much as the quota is read and written.
	makeRoomLimit = 5 * time.Minute
)

// quota is how large etcd's file may become.
func (c Config) quota() int64 {
	if c.EtcdQuota > 0 {
		return c.EtcdQuota
	}
	return etcdQuota
}

// isFull reports whether etcd reached its quota. Its alarm outlasts deletions and restarts,
// and with it etcd refuses each write but deletions.
func isFull(server *embed.Etcd) bool {
	for _, alarm := range server.Server.Alarms() {
		if alarm.Alarm == pb.AlarmType_NOSPACE {
			return true
		}
	}
	return false
}

// MakeRoom has etcd write again that reached its quota: it drops the past of all objects,
// and makes its file as small as what is left. The error says what to do if that does not
// help. While the alarm is on, the API server can't compact: that is a write, too.
func (e *Etcd) MakeRoom(ctx context.Context) error {
	first := e.members[0].server.Load()
	if first == nil || !isFull(first) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, makeRoomLimit)
	defer cancel()
	dropped, err := e.compact(ctx)
	if err != nil {
		return fmt.Errorf("etcd reached its limit of %d MiB, and can't drop what is past: %w", e.config.quota()>>20, err)
	}
	// What was dropped just now counts as used as long as somebody reads an older state, and
	// until the next write: only in a new file it does not.
	if !dropped {
		if err := e.tooMuch(first); err != nil {
			return err
		}
	}
	for _, m := range e.members {
		if err := m.defragment(); err != nil {
			return fmt.Errorf("etcd reached its limit of %d MiB, and can't make its file smaller: %w", e.config.quota()>>20, err)
		}
	}
	if err := e.tooMuch(first); err != nil {
		return err
	}
	client, err := e.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.AlarmDisarm(ctx, &clientv3.AlarmMember{}); err != nil {
		return fmt.Errorf("have etcd write again: %w", err)
	}
	return nil
}

// tooMuch says so if too much is left to go on for long: a tenth has to be free.
func (e *Etcd) tooMuch(server *embed.Etcd) error {
	used, quota := server.Server.Backend().SizeInUse(), e.config.quota()
	if limit := quota / 10 * 9; used > limit {
		return fmt.Errorf("etcd is full, and takes deletions only: its objects take %d of %d MiB, delete some until they take %d, and it goes on", used>>20, quota>>20, limit>>20)
	}
	return nil
}

// compact drops all revisions but the last, returns when they are gone, and reports whether
// there were any.
func (e *Etcd) compact(ctx context.Context) (dropped bool, err error) {
	client, err := e.Client()
	if err != nil {
		return false, err
	}
	defer client.Close()
	now, err := client.Get(ctx, "revision", clientv3.WithKeysOnly())
	if err != nil {
		return false, err
	}
	_, err = client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	if errors.Is(err, rpctypes.ErrCompacted) {
		return false, nil
	}
	return err == nil, err
}

// defragment writes the member's file anew, without what is free in it. The member does not
// end meanwhile.
func (m *member) defragment() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	server := m.server.Load()
	if server == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		// A failure ends this goroutine, see OnWrite.
		err := errors.New("etcd failed")
		defer func() { done <- err }()
		err = server.Server.Defragment()
	}()
	return <-done
}
