package checkup

import (
	"context"
	"errors"
	"testing"
)

// TestTheLastWordIsNotThatTimeIsOver has the time end within a try.
func TestTheLastWordIsNotThatTimeIsOver(t *testing.T) {
	found := errors.New("storage-provisioner is Stopped")
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := eventually(ctx, func(ctx context.Context) error {
		if tries++; tries == 1 {
			return found
		}
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, found) || tries != 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if err := eventually(ctx, func(ctx context.Context) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("with no other word: %v", err)
	}
}
