package controlplane

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// fillQuota writes values under the keys that name returns until etcd refuses one, and
// returns how many it took.
func fillQuota(t *testing.T, p *plane, name func(i int) string) int {
	t.Helper()
	value := strings.Repeat("x", 256<<10)
	for i := range 1000 {
		err := put(p, name(i), value)
		// Whether the alarm could be raised is not told to who was refused; the next one raises it.
		if errors.Is(err, rpctypes.ErrNoSpace) && isFull(p.Etcd.members[0].server.Load()) {
			return i
		}
		if errors.Is(err, rpctypes.ErrNoSpace) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("etcd does not get full")
	return 0
}

// TestPastIsDroppedWhenEtcdIsFull proves that etcd goes on by itself if what fills it is
// past.
func TestPastIsDroppedWhenEtcdIsFull(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.EtcdQuota = 16 << 20 })
	serveEtcd(t, p)
	fillQuota(t, p, func(int) string { return "key" })
	if err := p.Etcd.Health(bounded(t)); err == nil {
		t.Error("etcd that refuses writes calls itself healthy")
	}
	if err := p.Etcd.MakeRoom(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(p, "key", "after"), p.Etcd.Health(bounded(t))); err != nil {
		t.Errorf("after it made room: %v", err)
	}
}

// TestFullEtcdSaysWhatToDo proves that a cluster whose objects are too many says so, starts
// all the same, and goes on when some are deleted.
func TestFullEtcdSaysWhatToDo(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.EtcdQuota = 16 << 20 })
	p.start()
	n := fillQuota(t, p, func(i int) string { return fmt.Sprintf("key-%d", i) })
	for _, c := range slices.Backward(p.Components()) {
		if err := c.Stop(bounded(t)); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	if err := p.Etcd.MakeRoom(bounded(t)); err == nil || !strings.Contains(err.Error(), "delete some") {
		t.Errorf("of a full etcd: %v", err)
	}
	if err := p.Etcd.Health(bounded(t)); err == nil {
		t.Error("a full etcd calls itself healthy")
	}
	client, err := p.Etcd.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// The quota is no exact bound: what is not committed yet, up to 100 ms of writes, comes on top.
	for i := range n - 16 {
		if _, err := client.Delete(bounded(t), fmt.Sprintf("key-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Etcd.MakeRoom(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(p, "after", "value"), p.Etcd.Health(bounded(t))); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
