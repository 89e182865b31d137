package rewind

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/cluster/stored"
)

// heartbeats are what kubelets write to tell that they live, each every ten seconds.
const heartbeats = registry + "leases/kube-node-lease/"

// Write is one that etcd still knows of.
type Write struct {
	Revision int64
	// Time is that of the last heartbeat before it, since etcd keeps none; of writes before the
	// first heartbeat, the time of that.
	Time time.Time
	Verb string
	Key  string
}

// Writes are those that etcd still knows of, oldest first, before a revision; before 0 is all.
func Writes(ctx context.Context, etcd *clientv3.Client, before int64) ([]Write, error) {
	now, err := etcd.Get(ctx, registry, clientv3.WithCountOnly(), clientv3.WithSerializable())
	if err != nil {
		return nil, fmt.Errorf("ask etcd for its revision: %w", err)
	}
	last := now.Header.Revision
	if before > 0 {
		last = min(last, before-1)
	}
	if last < 1 {
		return nil, nil
	}
	list, compacted, err := writesFrom(ctx, etcd, 1, last)
	// It may be compacted once more meanwhile.
	for compacted > 0 && compacted < last && err == nil {
		list, compacted, err = writesFrom(ctx, etcd, compacted+1, last)
	}
	if err != nil {
		return nil, fmt.Errorf("read etcd's history: %w", err)
	}
	return timed(list), nil
}

// writesFrom reads those of two revisions and between; compacted is not 0 if the first is no
// longer known, and the last one of which that is so.
func writesFrom(ctx context.Context, etcd clientv3.Watcher, first, last int64) (list []Write, compacted int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Each revision wrote a key: of all keys, the last is seen for sure.
	for response := range etcd.Watch(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(first)) {
		if response.CompactRevision > 0 {
			return nil, response.CompactRevision, nil
		}
		if err := response.Err(); err != nil {
			return nil, 0, err
		}
		for _, e := range response.Events {
			if e.Kv.ModRevision > last {
				return list, 0, nil
			}
			if strings.HasPrefix(string(e.Kv.Key), registry) {
				list = append(list, writeOf(e))
			}
		}
		if n := len(response.Events); n > 0 && response.Events[n-1].Kv.ModRevision == last {
			return list, 0, nil
		}
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	return nil, 0, errors.New("etcd has ended the watch")
}

func writeOf(e *clientv3.Event) Write {
	w := Write{Revision: e.Kv.ModRevision, Verb: "update", Key: string(e.Kv.Key)}
	switch {
	case e.Type == mvccpb.DELETE:
		w.Verb = "delete"
	case e.IsCreate():
		w.Verb = "create"
	}
	if e.Type != mvccpb.DELETE && strings.HasPrefix(w.Key, heartbeats) {
		w.Time = heartbeat(e.Kv.Value)
	}
	return w
}

// heartbeat is when a node told that it lives; zero if that can't be read.
func heartbeat(value []byte) time.Time {
	lease, err := stored.Decode(value)
	if err != nil {
		return time.Time{}
	}
	text, _, _ := unstructured.NestedString(lease.Object, "spec", "renewTime")
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// timed gives each write the time of the last heartbeat.
func timed(list []Write) []Write {
	var at time.Time
	for i := range list {
		if list[i].Time.After(at) {
			at = list[i].Time
		}
		list[i].Time = at
	}
	for i := range list {
		if !list[i].Time.IsZero() {
			for j := range list[:i] {
				list[j].Time = list[i].Time
			}
			break
		}
	}
	return list
}
