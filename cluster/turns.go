package cluster

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// turns has each component started or stopped by one at a time, which others wait for as long
// as they want to: a start may take for ever.
type turns struct {
	mu sync.Mutex
	of map[string]*semaphore.Weighted
}

// take waits for the turn to change the named component, and returns what gives it to the next.
// A turn that is free is taken whether ctx has ended or not.
func (t *turns) take(ctx context.Context, name string) (give func(), err error) {
	turn := t.find(name)
	if !turn.TryAcquire(1) {
		if err := turn.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait until %s has started or stopped: %w", name, err)
		}
	}
	return func() { turn.Release(1) }, nil
}

func (t *turns) find(name string) *semaphore.Weighted {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = make(map[string]*semaphore.Weighted)
	}
	if t.of[name] == nil {
		t.of[name] = semaphore.NewWeighted(1)
	}
	return t.of[name]
}
