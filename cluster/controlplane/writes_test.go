package controlplane

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"kubarium/cluster/rewind"
)

// TestEtcdRemembersWritesOfItsLastLife proves that what etcd wrote before it was started anew can
// be told, with about when, but for what was compacted.
func TestEtcdRemembersWritesOfItsLastLife(t *testing.T) {
	p := newPlane(t)
	serveEtcd(t, p)
	put := func(key, value string) int64 {
		t.Helper()
		etcd, err := p.Etcd.Client()
		if err != nil {
			t.Fatal(err)
		}
		defer etcd.Close()
		done, err := etcd.Put(bounded(t), key, value)
		if err != nil {
			t.Fatal(err)
		}
		return done.Header.Revision
	}
	beat := func(second int) {
		t.Helper()
		put("/registry/leases/kube-node-lease/node-1", fmt.Sprintf(`{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","spec":{"renewTime":"2026-01-02T03:04:%02d.000000Z"}}`, second))
	}
	put("/registry/pods/default/forgotten", "{}")
	compacted := put("/registry/pods/default/forgotten", "{}")
	first := put("/registry/pods/default/web", "{}")
	beat(5)
	put("/registry/pods/default/web", "{}")
	beat(15)
	// What does not concern the API server is no write of its.
	last := put("compact_rev_key", "1")
	etcd, err := p.Etcd.Client()
	if err != nil {
		t.Fatal(err)
	}
	_, err = etcd.Compact(bounded(t), compacted)
	if err := errors.Join(err, etcd.Close(), p.Etcd.Stop(bounded(t))); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	serveEtcd(t, p)
	if etcd, err = p.Etcd.Client(); err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	all, err := rewind.Writes(bounded(t), etcd, 0)
	if err != nil || len(all) != 4 {
		t.Fatalf("%v, %+v", err, all)
	}
	if w := all[0]; w.Verb != "create" || w.Revision != first || !w.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("the first is %+v", w)
	}
	if w := all[3]; w.Verb != "update" || w.Revision != last-1 || w.Time.Second() != 15 {
		t.Errorf("the last is %+v", w)
	}
	if some, err := rewind.Writes(bounded(t), etcd, first+2); err != nil || len(some) != 2 {
		t.Errorf("before revision %d: %v, %+v", first+2, err, some)
	}
	if none, err := rewind.Writes(bounded(t), etcd, first); err != nil || len(none) > 0 {
		t.Errorf("before the first: %v, %+v", err, none)
	}
}
