// Package latest tells watchers of a state that changes: the newest one, and no queue of
// those in between.
package latest

import (
	"context"
	"sync"
)

// Watchers are who wants to know. The zero value has none.
type Watchers struct {
	mu sync.Mutex
	// changed has one element per watcher while there is a change that it has not seen.
	changed map[chan struct{}]struct{}
}

// Publish says that the state has changed. It never waits, and may be called with the
// state's own lock held.
func (w *Watchers) Publish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
			// The watcher has yet to look at an earlier change, and will see this too.
		}
	}
}

// Watch gives the state, and the whole of it again after each change, until ctx ends.
func Watch[T any](ctx context.Context, w *Watchers, state func() T) <-chan T {
	changed, told := make(chan struct{}, 1), make(chan T)
	changed <- struct{}{}
	w.add(changed)
	go func() {
		defer close(told)
		defer w.remove(changed)
		for {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			select {
			case told <- state():
			case <-ctx.Done():
				return
			}
		}
	}()
	return told
}

func (w *Watchers) add(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = map[chan struct{}]struct{}{}
	}
	w.changed[c] = struct{}{}
}

func (w *Watchers) remove(c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.changed, c)
}
