package cluster

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestSavingWaitsForAddons proves that nothing is saved while what the cluster brings along is
// still to come, and that who cannot wait is not kept.
func TestSavingWaitsForAddons(t *testing.T) {
	c := &Cluster{started: time.Now(), complete: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.SaveSnapshot(ctx, "early"); !errors.Is(err, context.Canceled) {
		t.Errorf("add-ons are still to come, and saving says %v", err)
	}
	close(c.complete)
	if _, err := c.SaveSnapshot(t.Context(), "later"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a cluster that is not started: %v", err)
	}
}
