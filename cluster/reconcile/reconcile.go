// Package reconcile calls a function when the objects that it looks at have changed, and
// again, ever later, while it fails. A controller that works object by object takes a
// work queue instead; this is for what is brought in line as a whole.
package reconcile

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/tools/cache"
)

const (
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
)

// Loop calls its function when kicked, and again while that fails.
type Loop struct {
	kicked chan struct{}
	// synced tell that the caches have what the server has.
	synced []cache.InformerSynced
	// reconcile returns false when it wants to be called again later.
	reconcile func(context.Context) bool
}

// NewLoop returns a loop of a function that returns false when it wants to be called
// again later.
func NewLoop(reconcile func(context.Context) bool) *Loop {
	return &Loop{kicked: make(chan struct{}, 1), reconcile: reconcile}
}

// Watch kicks the loop on each event of an object for which changed says that it matters,
// and on all that come and go. It is called before Run.
func (l *Loop) Watch(informer cache.SharedIndexInformer, changed func(before, after any) bool) error {
	synced, err := l.Add(informer, changed)
	if err != nil {
		return err
	}
	l.Await(synced)
	return nil
}

// Add is a Watch that Run does not wait for, and that may begin later; it returns what
// tells that the cache is filled.
func (l *Loop) Add(informer cache.SharedIndexInformer, changed func(before, after any) bool) (cache.InformerSynced, error) {
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { l.Kick() },
		DeleteFunc: func(any) { l.Kick() },
		UpdateFunc: func(before, after any) {
			if changed(before, after) {
				l.Kick()
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return registration.HasSynced, nil
}

// Await lets Run wait for one more cache. It is called before Run.
func (l *Loop) Await(synced cache.InformerSynced) { l.synced = append(l.synced, synced) }

// Kick never waits: one pending kick stands for all.
func (l *Loop) Kick() {
	select {
	case l.kicked <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. Nothing is done before the caches are filled: a half-filled
// one would look like objects that are gone.
func (l *Loop) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), l.synced...) {
		return
	}
	l.Kick()
	pause := firstRetry
	retry := time.NewTimer(0)
	defer retry.Stop()
	<-retry.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.kicked:
		case <-retry.C:
		}
		retry.Stop()
		if l.reconcile(ctx) {
			pause = firstRetry
			continue
		}
		retry.Reset(pause)
		pause = min(2*pause, maxRetry)
	}
}
