package controlplane

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestQuorum has etcd lose two of its three members: what was acknowledged is there
// afterwards, and meanwhile nothing is.
func TestQuorum(t *testing.T) {
	p := newPlaneWith(t, func(c *Config) { c.EtcdPeers = peerPorts(t) })
	p.start()
	create := func(name string) error {
		ctx, cancel := context.WithTimeout(bounded(t), 5*time.Second)
		defer cancel()
		_, err := p.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	if err := create("before"); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.LoseQuorum(); err != nil {
		t.Fatal(err)
	}
	if err := create("meanwhile"); err == nil {
		t.Error("without a quorum a write is acknowledged")
	}
	if err := p.Etcd.Health(bounded(t)); err == nil || !strings.Contains(err.Error(), "no quorum, etcd-2 and etcd-3 of 3 members are off") {
		t.Errorf("without a quorum etcd says of its health: %v", err)
	}
	if err := p.Etcd.RestoreQuorum(bounded(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "write again", func() error { return create("after") })
	if _, err := p.client.CoreV1().ConfigMaps("default").Get(bounded(t), "before", metav1.GetOptions{}); err != nil {
		t.Errorf("what was acknowledged: %v", err)
	}

	// Its end without a quorum, and its next start with all.
	if err := p.Etcd.LoseQuorum(); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.RestoreQuorum(bounded(t)); err != nil {
		t.Errorf("heal what is stopped: %v", err)
	}
	serveEtcd(t, p)
	eventually(t, "read", func() error {
		_, err := p.client.CoreV1().ConfigMaps("default").Get(bounded(t), "after", metav1.GetOptions{})
		return err
	})
}

// TestQuorumOfOne can't be lost.
func TestQuorumOfOne(t *testing.T) {
	p := newPlane(t)
	if err := p.Etcd.LoseQuorum(); err == nil || !strings.Contains(err.Error(), "--etcd-members 3") {
		t.Errorf("a single member: %v", err)
	}
}

// eventually tries again until it works.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx := bounded(t)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
