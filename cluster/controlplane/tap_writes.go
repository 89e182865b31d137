package controlplane

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// tapWrites tells the store of each write to etcd until ctx ends. It is a watch as the
// API server's own, without a socket.
func tapWrites(ctx context.Context, server *embed.Etcd, store *trace.Store) {
	select {
	case <-server.Server.ReadyNotify():
	case <-server.Server.StopNotify():
		return
	case <-ctx.Done():
		return
	}
	client := v3client.New(server.Server)
	defer client.Close()
	for response := range client.Watch(ctx, stored.Prefix, clientv3.WithPrefix(), clientv3.WithPrevKV()) {
		if err := response.Err(); err != nil {
			// What is lost is said, not hidden.
			store.Add(trace.Event{Time: time.Now(), Component: etcdName, Verb: "lost", Detail: err.Error()})
			continue
		}
		now := time.Now()
		for _, e := range response.Events {
			store.AddLate(writeEvent(now, e))
		}
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
