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
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// watchPause is how long the tap waits before it watches anew.
const watchPause = 100 * time.Millisecond

// writeTap tells the store of each write to etcd, by a watch as the API server's own,
// without a socket. What is written while nobody watches, between two lives of etcd and at
// the begin of one, is told as soon as somebody does: etcd keeps it.
type writeTap struct {
	store *trace.Store
	// mu is held by the one life that is followed: a former one may not have ended yet.
	mu sync.Mutex
	// last is the revision up to which all is told, 0 before the first life.
	last int64
}

// run tells of the writes of one life of etcd until ctx ends. begin is its revision before
// anybody could write: the first life is told of from there.
func (t *writeTap) run(ctx context.Context, server *embed.Etcd, begin int64) {
	select {
	case <-server.Server.ReadyNotify():
	case <-server.Server.StopNotify():
		return
	case <-ctx.Done():
		return
	}
	client := v3client.New(server.Server)
	defer client.Close()
	t.follow(ctx, client, begin)
}

// follow watches anew whenever a watch ends, until ctx ends.
func (t *writeTap) follow(ctx context.Context, watcher clientv3.Watcher, begin int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == 0 {
		t.last = begin
	}
	for ctx.Err() == nil {
		t.watch(ctx, watcher)
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
}

// watch tells of what was written after the last revision, until the watch ends.
func (t *writeTap) watch(ctx context.Context, watcher clientv3.Watcher) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for response := range watcher.Watch(ctx, stored.Prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithRev(t.last+1)) {
		now := time.Now()
		if kept := response.CompactRevision; kept > t.last+1 {
			// What is lost is said, not hidden.
			t.store.Add(lostWrites(now, t.last+1, kept-1))
			t.last = kept - 1
		}
		for _, e := range response.Events {
			t.store.AddLate(writeEvent(now, e))
			t.last = e.Kv.ModRevision
		}
	}
}

func lostWrites(now time.Time, from, to int64) trace.Event {
	return trace.Event{
		Time: now, Component: etcdName, Verb: "lost",
		Fields: map[string]string{"from": strconv.FormatInt(from, 10), "to": strconv.FormatInt(to, 10)},
		Detail: fmt.Sprintf("writes of revisions %d to %d, compacted before they were seen", from, to),
	}
}

func writeEvent(now time.Time, e *clientv3.Event) (trace.Event, trace.Late) {
	verb := "update"
	switch {
	case e.Type == mvccpb.DELETE:
		verb = "delete"
	case e.IsCreate():
		verb = "create"
	}
	fields := map[string]string{
		"key": string(e.Kv.Key), "revision": strconv.FormatInt(e.Kv.ModRevision, 10),
		"size": strconv.Itoa(len(e.Kv.Value)),
	}
	if e.Kv.Lease != 0 {
		fields["lease"] = strconv.FormatInt(e.Kv.Lease, 16)
	}
	var before []byte
	if e.PrevKv != nil {
		before = e.PrevKv.Value
		fields["previous"] = strconv.FormatInt(e.PrevKv.ModRevision, 10)
	}
	after := e.Kv.Value
	event := trace.Event{
		Time: now, Component: etcdName, Verb: verb, Object: keyObject(string(e.Kv.Key)), Fields: fields,
		Detail: "revision " + fields["revision"],
	}
	return event, trace.Late{
		Complete: func(event *trace.Event) { describeWrite(event, before, after) },
		Size:     len(before) + len(after),
	}
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
