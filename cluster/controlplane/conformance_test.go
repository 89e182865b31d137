package controlplane

import (
	"testing"

	"k8s.io/apiserver/pkg/storage/storagebackend"
)

// TestOldListsExpireAsUpstream: a client that goes on with an old list is told that it
// has expired within twice upstream's interval. A conformance test waits for that, and
// for no longer.
func TestOldListsExpireAsUpstream(t *testing.T) {
	p := newPlane(t)
	s, err := p.APIServer.options()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.SecureServing.Listener.Close() })
	if got := s.Etcd.StorageConfig.CompactionInterval; got == 0 || got > storagebackend.DefaultCompactInterval {
		t.Errorf("etcd is compacted each %s, upstream does so each %s", got, storagebackend.DefaultCompactInterval)
	}
}
