package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"kubarium/cluster/component"
)

// watchBuffer holds the changes that a slow watcher has not read yet.
const watchBuffer = 256

// tracker knows the state of each component and node, and tells it to whoever
// watches.
type tracker struct {
	mu       sync.Mutex
	order    []string
	infos    map[string]component.Info
	started  map[string]time.Time
	watchers map[chan component.Info]struct{}
}

func newTracker() *tracker {
	return &tracker{
		infos:    make(map[string]component.Info),
		started:  make(map[string]time.Time),
		watchers: make(map[chan component.Info]struct{}),
	}
}

// add makes a component known, Stopped.
func (t *tracker) add(name, purpose string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.infos[name]; !known {
		t.order = append(t.order, name)
	}
	t.infos[name] = component.Info{Name: name, Purpose: purpose, State: component.Stopped, Since: time.Now()}
	t.publish(t.infos[name])
}

// remove forgets a component; watchers are told that it is gone by State "".
func (t *tracker) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.infos, name)
	t.order = slices.DeleteFunc(t.order, func(n string) bool { return n == name })
	t.publish(component.Info{Name: name, Since: time.Now()})
}

// set records a new state; what does not change anything is not told.
func (t *tracker) set(name string, state component.State, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setLocked(name, state, message)
}

// replace is set, if the state is still the one that it was.
func (t *tracker) replace(name string, was component.Info, state component.State, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.infos[name] == was {
		t.setLocked(name, state, message)
	}
}

// setLocked is set; t.mu is held.
func (t *tracker) setLocked(name string, state component.State, message string) {
	info, known := t.infos[name]
	if !known || (info.State == state && info.Message == message) {
		return
	}
	now := time.Now()
	if info.State != state {
		info.Since = now
		if state == component.Starting {
			t.started[name] = now
		}
	}
	if state == component.Ready && info.State == component.Starting {
		info.Took = now.Sub(t.started[name])
	}
	info.State, info.Message = state, message
	t.infos[name] = info
	t.publish(info)
}

func (t *tracker) get(name string) (component.Info, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, known := t.infos[name]
	return info, known
}

// list returns all in the order in which they became known.
func (t *tracker) list() []component.Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	infos := make([]component.Info, 0, len(t.order))
	for _, name := range t.order {
		infos = append(infos, t.infos[name])
	}
	return infos
}

// watch returns the current state of all, then each change until ctx ends. A
// watcher that does not keep up loses its oldest unread changes: the newest count.
func (t *tracker) watch(ctx context.Context) <-chan component.Info {
	changes := make(chan component.Info, watchBuffer)
	t.mu.Lock()
	for _, name := range t.order {
		changes <- t.infos[name]
	}
	t.watchers[changes] = struct{}{}
	t.mu.Unlock()
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watchers, changes)
		close(changes)
	})
	return changes
}

// publish tells all watchers; t.mu is held.
func (t *tracker) publish(info component.Info) {
	for changes := range t.watchers {
		for {
			select {
			case changes <- info:
			default:
				select {
				case <-changes:
				default:
				}
				continue
			}
			break
		}
	}
}
