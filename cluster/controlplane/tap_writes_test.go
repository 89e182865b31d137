package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"k8s.io/utils/lru"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

// putKeys writes some keys that the tap looks at, and returns the last revision.
func putKeys(t *testing.T, client *clientv3.Client, n int) int64 {
	t.Helper()
	var last int64
	for i := range n {
		response, err := client.Put(bounded(t), fmt.Sprintf("/registry/configmaps/default/c%d", i), "x")
		if err != nil {
			t.Fatal(err)
		}
		last = response.Header.Revision
	}
	return last
}

// toldUntil waits until the tap has told of a revision, and returns all that it told of so
// far, in order.
func toldUntil(t *testing.T, store *trace.Store, revision int64) []string {
	t.Helper()
	var told []string
	err := store.Follow(bounded(t), 0, func(e trace.Event, _ uint64) error {
		if e.Verb == "lost" {
			told = append(told, "lost "+e.Fields["from"]+" to "+e.Fields["to"])
			return nil
		}
		told = append(told, e.Fields["revision"])
		if e.Fields["revision"] == fmt.Sprint(revision) {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatalf("revision %d is not told of: %v, only %v", revision, err, told)
	}
	return told
}

// each are the revisions of a range, as they are told.
func each(from, to int64) []string {
	var list []string
	for r := from; r <= to; r++ {
		list = append(list, fmt.Sprint(r))
	}
	return list
}

// startWrites starts an etcd that nobody but the test writes to.
func startWrites(t *testing.T, store *trace.Store) (*plane, *clientv3.Client) {
	t.Helper()
	p := newPlaneWith(t, func(c *Config) { c.Trace = store })
	return p, etcdClient(t, p)
}

// TestWritesBetweenLivesAreToldOf writes while nobody watches, as the API server does as soon
// as an etcd that starts anew serves.
func TestWritesBetweenLivesAreToldOf(t *testing.T) {
	p, client := startWrites(t, nil)
	tap := newWriteTap(trace.NewStore())
	kv := p.Etcd.members[0].server.Load().Server.KV()
	follow := func(begin int64) (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			tap.follow(ctx, kv, begin)
		}()
		return func() { cancel(); <-ended }
	}
	first := putKeys(t, client, 1)
	// What was there before the first life is not told of.
	end := follow(first)
	seen := putKeys(t, client, 2)
	toldUntil(t, tap.store, seen)
	end()
	missed := putKeys(t, client, 3)
	end = follow(missed)
	now := putKeys(t, client, 1)
	want := each(first+1, now)
	if told := toldUntil(t, tap.store, now); !slices.Equal(told, want) {
		t.Errorf("told of %v, not %v", told, want)
	}
	end()
	// What etcd has no more is lost: it keeps the revision at which it was compacted.
	kept := putKeys(t, client, 4)
	if _, err := client.Compact(bounded(t), kept); err != nil {
		t.Fatal(err)
	}
	end = follow(kept)
	defer end()
	want = append(want, fmt.Sprintf("lost %d to %d", now+1, kept-1), fmt.Sprint(kept))
	if told := toldUntil(t, tap.store, kept); !slices.Equal(told, want) {
		t.Errorf("told of %v, not %v", told, want)
	}
}

// brief is a store whose first watches end after one response.
type brief struct {
	watchable
	ends int
}

func (b *brief) NewWatchStream() mvcc.WatchStream {
	stream := b.watchable.NewWatchStream()
	if b.ends == 0 {
		return stream
	}
	b.ends--
	return briefStream{stream}
}

type briefStream struct{ mvcc.WatchStream }

func (s briefStream) Chan() <-chan mvcc.WatchResponse {
	one := make(chan mvcc.WatchResponse, 1)
	one <- <-s.WatchStream.Chan()
	close(one)
	return one
}

// TestAWatchThatEndsBeginsAnew writes on while the tap's watches break.
func TestAWatchThatEndsBeginsAnew(t *testing.T) {
	p, client := startWrites(t, nil)
	tap := newWriteTap(trace.NewStore())
	begin := putKeys(t, client, 1)
	go tap.follow(t.Context(), &brief{p.Etcd.members[0].server.Load().Server.KV(), 2}, begin)
	var last int64
	for range 3 {
		last = putKeys(t, client, 2)
		toldUntil(t, tap.store, last)
	}
	if told, want := toldUntil(t, tap.store, last), each(begin+1, last); !slices.Equal(told, want) {
		t.Errorf("told of %v, not %v", told, want)
	}
}

// TestWritesTellWhatWasBefore compares what the tap says of each write with what etcd itself
// does: of keys that were there before it watched, that it has forgotten, that are too
// large to be remembered, that come back.
func TestWritesTellWhatWasBefore(t *testing.T) {
	p, client := startWrites(t, nil)
	begin := putKeys(t, client, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := client.Watch(ctx, stored.Prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithRev(begin+1))
	tap := newWriteTap(trace.NewStore())
	tap.values = lru.New(2)
	go tap.follow(ctx, p.Etcd.members[0].server.Load().Server.KV(), begin)
	put := func(key, value string) {
		_, err := client.Put(bounded(t), stored.Prefix+key, value)
		p.must(err)
	}
	for round := range 3 {
		for _, key := range []string{"configmaps/default/c0", "configmaps/default/c1", "configmaps/default/new", "configmaps/default/c0"} {
			put(key, fmt.Sprintf("%s in round %d", key, round))
		}
		put("configmaps/default/large", strings.Repeat(fmt.Sprint(round), rememberedBytes+1))
		_, err := client.Delete(bounded(t), stored.Prefix+"configmaps/default/new")
		p.must(err)
		put("configmaps/default/c2", fmt.Sprint(round))
	}
	last, err := client.Get(bounded(t), "none")
	p.must(err)
	toldUntil(t, tap.store, last.Header.Revision)
	told := map[string]trace.Event{}
	p.must(tap.store.Kept(func(e trace.Event) error { told[e.Fields["revision"]] = e; return nil }))
	checked := 0
	for seen := begin; seen < last.Header.Revision; {
		response := <-watch
		for _, e := range response.Events {
			seen, checked = e.Kv.ModRevision, checked+1
			previous := ""
			if e.PrevKv != nil {
				previous = fmt.Sprint(e.PrevKv.ModRevision)
			}
			if got := told[fmt.Sprint(seen)]; got.Fields["previous"] != previous || got.Fields["key"] != string(e.Kv.Key) {
				t.Errorf("revision %d of %s follows %q, told is %v", seen, e.Kv.Key, previous, got.Fields)
			}
		}
	}
	if checked != 3*7 {
		t.Errorf("%d writes were compared", checked)
	}
}

// TestATransactionIsToldWhole has the tap end between two writes of one revision: those that it
// leaves out must be told by the next, which begins with a whole one.
func TestATransactionIsToldWhole(t *testing.T) {
	tap := newWriteTap(trace.NewStore())
	tap.last = 4
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	write := func(key string, revision int64) *mvccpb.Event {
		return &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte(stored.Prefix + key), ModRevision: revision, Version: 1}}
	}
	tap.tell(t.Context(), nil, mvcc.WatchResponse{Events: []*mvccpb.Event{write("configmaps/default/a", 5)}})
	tap.tell(ended, nil, mvcc.WatchResponse{Events: []*mvccpb.Event{write("configmaps/default/b", 5), write("configmaps/default/c", 6)}})
	if tap.last != 5 || tap.store.Last() != 2 {
		t.Errorf("%d writes are told of, until revision %d", tap.store.Last(), tap.last)
	}
}

// TestRestartsOfEtcdAreTapped has etcd itself begin and end its lives.
func TestRestartsOfEtcdAreTapped(t *testing.T) {
	store := trace.NewStore()
	p, client := startWrites(t, store)
	last := putKeys(t, client, 5)
	for range 2 {
		// The tap may not have seen the last writes.
		p.must(p.Etcd.Stop(bounded(t)))
		p.must(p.Etcd.Start(bounded(t)))
		p.must(p.Etcd.Ready(bounded(t)))
		next, err := p.Etcd.Client()
		p.must(err)
		defer next.Close()
		last = putKeys(t, next, 5)
	}
	// An etcd begins with revision 1.
	if told, want := toldUntil(t, store, last), each(2, last); !slices.Equal(told, want) {
		t.Errorf("told of %v, not %v", told, want)
	}
}
