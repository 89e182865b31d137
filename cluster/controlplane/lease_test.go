package controlplane

import (
	"os"
	"testing"
	"time"
)

// TestLongLeasesGoOn: what is left of a lease's time is kept over a restart of etcd, as of its
// last checkpoint. Etcd makes one each five minutes.
func TestLongLeasesGoOn(t *testing.T) {
	if os.Getenv("LONG") == "" {
		t.SkipNow()
	}
	p := newPlane(t)
	serveEtcd(t, p)
	const hour = int64(3600)
	client, err := p.Etcd.Client()
	p.must(err)
	lease, err := client.Grant(bounded(t), hour)
	p.must(err)
	time.Sleep(5*time.Minute + 5*time.Second)
	client.Close()
	p.must(p.Etcd.Stop(bounded(t)))
	serveEtcd(t, p)
	client, err = p.Etcd.Client()
	p.must(err)
	defer client.Close()
	left, err := client.TimeToLive(bounded(t), lease.ID)
	p.must(err)
	if left.TTL <= 0 || left.TTL > hour-290 {
		t.Errorf("after five minutes and a restart %d of %d seconds are left", left.TTL, hour)
	}
}
