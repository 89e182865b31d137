package controlplane

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"k8s.io/utils/lru"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// watchPause is how long the tap waits before it watches anew.
const watchPause = 100 * time.Millisecond

// What the tap remembers of values, to say what a write changed: of so many keys, unless a value
// is larger. Of others it asks etcd.
const (
	rememberedKeys  = 1024
	rememberedBytes = 16 << 10
)

// writeTap tells the store of each write to etcd, by a watch in etcd's own store: one by a
// client costs each write three more turns, and a read of the value before. What is written while
// nobody watches, between two lives of etcd and at the begin of one, is told as soon as
// somebody does: etcd keeps it.
type writeTap struct {
	store *trace.Store
	// mu is held by the one life that is followed: a former one may not have ended yet.
	mu sync.Mutex
	// last is the revision up to which all is told, 0 before the first life.
	last int64
	// values are what keys had at that revision, as *mvccpb.KeyValue by their names.
	values *lru.Cache
}

func newWriteTap(store *trace.Store) *writeTap {
	return &writeTap{store: store, values: lru.New(rememberedKeys)}
}

// run tells of the writes of one life of etcd until ctx or that ends. begin is its revision
// before anybody could write: the first life is told of from there.
func (t *writeTap) run(ctx context.Context, server *embed.Etcd, begin int64) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-server.Server.ReadyNotify():
	case <-server.Server.StoppingNotify():
		return
	case <-ctx.Done():
		return
	}
	go func() {
		select {
		case <-server.Server.StoppingNotify():
			// What is closed must not be read.
			cancel()
		case <-ctx.Done():
		}
	}()
	t.follow(ctx, server.Server.KV(), begin)
}

// follow watches anew whenever a watch ends, until ctx ends.
func (t *writeTap) follow(ctx context.Context, kv watchable, begin int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == 0 {
		t.last = begin
	}
	for ctx.Err() == nil {
		t.watch(ctx, kv)
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
}

// watchable is what the tap needs of etcd's store.
type watchable interface {
	NewWatchStream() mvcc.WatchStream
	Range(ctx context.Context, key, end []byte, options mvcc.RangeOptions) (*mvcc.RangeResult, error)
}

// watch tells of what was written after the last revision, until the watch or ctx ends.
func (t *writeTap) watch(ctx context.Context, kv watchable) {
	stream := kv.NewWatchStream()
	defer stream.Close()
	if _, err := stream.Watch(ctx, clientv3.AutoWatchID, []byte(stored.Prefix), []byte(clientv3.GetPrefixRangeEnd(stored.Prefix)), t.last+1); err != nil {
		return
	}
	for {
		select {
		case response, ok := <-stream.Chan():
			if !ok {
				return
			}
			t.tell(ctx, kv, response)
			if response.CompactRevision != 0 {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (t *writeTap) tell(ctx context.Context, kv watchable, response mvcc.WatchResponse) {
	now := time.Now()
	if kept := response.CompactRevision; kept > t.last+1 {
		// What is lost is said, not hidden.
		t.store.Add(lostWrites(now, t.last+1, kept-1))
		t.last = kept - 1
		t.values.Clear()
	}
	for _, e := range response.Events {
		// The rest is told in the next life, which begins with a revision.
		if ctx.Err() != nil && e.Kv.ModRevision > t.last {
			return
		}
		t.add(now, e, t.before(ctx, kv, e))
		t.last = e.Kv.ModRevision
	}
}

// before returns what a key had before a write, nil if nothing, and remembers what it has now.
func (t *writeTap) before(ctx context.Context, kv watchable, e *mvccpb.Event) *mvccpb.KeyValue {
	key := string(e.Kv.Key)
	cached, _ := t.values.Get(key)
	known, _ := cached.(*mvccpb.KeyValue)
	if e.Type == mvccpb.DELETE || len(e.Kv.Value) > rememberedBytes {
		t.values.Remove(key)
	} else {
		t.values.Add(key, e.Kv)
	}
	switch {
	case e.Type != mvccpb.DELETE && e.Kv.Version == 1:
		return nil
	case known != nil && (e.Type == mvccpb.DELETE || known.Version+1 == e.Kv.Version):
		return known
	}
	// It may be compacted by now.
	found, err := kv.Range(ctx, e.Kv.Key, nil, mvcc.RangeOptions{Rev: e.Kv.ModRevision - 1})
	if err != nil || len(found.KVs) == 0 {
		return nil
	}
	return found.KVs[0]
}

func lostWrites(now time.Time, from, to int64) trace.Event {
	return trace.Event{
		Time: now, Component: etcdName, Verb: "lost",
		Fields: map[string]string{"from": strconv.FormatInt(from, 10), "to": strconv.FormatInt(to, 10)},
		Detail: fmt.Sprintf("writes of revisions %d to %d, compacted before they were seen", from, to),
	}
}

func (t *writeTap) add(now time.Time, e *mvccpb.Event, previous *mvccpb.KeyValue) {
	verb := "update"
	switch {
	case e.Type == mvccpb.DELETE:
		verb = "delete"
	case e.Kv.Version == 1:
		verb = "create"
	}
	key, revision := string(e.Kv.Key), strconv.FormatInt(e.Kv.ModRevision, 10)
	fields := []trace.Field{{Key: "key", Value: key}, {Key: "revision", Value: revision}, {Key: "size", Value: strconv.Itoa(len(e.Kv.Value))}}
	if e.Kv.Lease != 0 {
		fields = append(fields, trace.Field{Key: "lease", Value: strconv.FormatInt(e.Kv.Lease, 16)})
	}
	var before []byte
	if previous != nil {
		before = previous.Value
		fields = append(fields, trace.Field{Key: "previous", Value: strconv.FormatInt(previous.ModRevision, 10)})
	}
	after := e.Kv.Value
	t.store.AddFields(trace.Event{
		Time: now, Component: etcdName, Verb: verb, Object: keyObject(key), Detail: "revision " + revision,
	}, fields, trace.Late{
		Complete: func(event *trace.Event) { describeWrite(event, before, after) },
		Size:     len(before) + len(after),
	})
}

// keyObject tells what can be told from a key alone: keys differ in depth, so only
// their ends are sure until the value is decoded.
func keyObject(key string) trace.Object {
	parts := strings.Split(strings.TrimPrefix(key, stored.Prefix), "/")
	o := trace.Object{Resource: parts[0]}
	if len(parts) > 1 {
		o.Name = parts[len(parts)-1]
	}
	return o
}
