package controlplane

import (
	"os"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcdClient starts etcd, and connects to it.
func etcdClient(t *testing.T, p *plane) *clientv3.Client {
	t.Helper()
	serveEtcd(t, p)
	client, err := p.Etcd.Client()
	p.must(err)
	t.Cleanup(func() { client.Close() })
	return client
}

// TestLeasesEnd: a lease ends when it was to, although etcd has begun it anew.
func TestLeasesEnd(t *testing.T) {
	p := newPlane(t)
	client := etcdClient(t, p)
	old, err := client.Grant(bounded(t), 600)
	p.must(err)
	_, err = client.Put(bounded(t), "/registry/events/old", "x", clientv3.WithLease(old.ID))
	p.must(err)
	var terms leaseTerms
	now := time.Now()
	p.must(terms.look(t.Context(), client, now))
	client.Close()
	p.must(p.Etcd.Stop(bounded(t)))
	client = etcdClient(t, p)
	young, err := client.Grant(bounded(t), 600)
	p.must(err)
	_, err = client.Put(bounded(t), "/registry/events/young", "x", clientv3.WithLease(young.ID))
	p.must(err)
	for _, after := range []time.Duration{590 * time.Second, 601 * time.Second} {
		p.must(terms.look(t.Context(), client, now.Add(after)))
		found, err := client.Get(bounded(t), "/registry/events/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
		p.must(err)
		want := int64(2)
		if after > 600*time.Second {
			want = 1
		}
		if found.Count != want || string(found.Kvs[len(found.Kvs)-1].Key) != "/registry/events/young" {
			t.Errorf("after %s there are %v", after, found.Kvs)
		}
	}
	if len(terms.ends) != 2 {
		t.Errorf("noted: %v", terms.ends)
	}
	p.must(terms.look(t.Context(), client, now.Add(700*time.Second)))
	if len(terms.ends) != 1 {
		t.Errorf("a lease that has ended is still noted: %v", terms.ends)
	}
}

// TestLeasesAreKnownAtTheStart: what is left of a lease is told as soon as etcd has begun. Who
// asks before it has a leader, which it is itself then, has it ask itself in vain.
func TestLeasesAreKnownAtTheStart(t *testing.T) {
	p := newPlane(t)
	lease, err := etcdClient(t, p).Grant(bounded(t), 600)
	p.must(err)
	for range 5 {
		p.must(p.Etcd.Stop(bounded(t)))
		if _, err := p.Etcd.leader(bounded(t)); err == nil {
			t.Error("etcd has a leader when it is off")
		}
		p.must(p.Etcd.Start(bounded(t)))
		client, err := p.Etcd.leader(bounded(t))
		p.must(err)
		left, err := client.TimeToLive(bounded(t), lease.ID)
		client.Close()
		p.must(err)
		if left.TTL < 500 || left.TTL > 600 {
			t.Errorf("%d seconds are left", left.TTL)
		}
	}
}

// TestLongLeasesGoOn: what is left of a lease's time is kept over a restart of etcd, as of its
// last checkpoint. Etcd makes one each five minutes.
func TestLongLeasesGoOn(t *testing.T) {
	if os.Getenv("LONG") == "" {
		t.SkipNow()
	}
	p := newPlane(t)
	const hour = int64(3600)
	client := etcdClient(t, p)
	lease, err := client.Grant(bounded(t), hour)
	p.must(err)
	time.Sleep(5*time.Minute + 5*time.Second)
	client.Close()
	p.must(p.Etcd.Stop(bounded(t)))
	client = etcdClient(t, p)
	left, err := client.TimeToLive(bounded(t), lease.ID)
	p.must(err)
	if left.TTL <= 0 || left.TTL > hour-290 {
		t.Errorf("after five minutes and a restart %d of %d seconds are left", left.TTL, hour)
	}
}
