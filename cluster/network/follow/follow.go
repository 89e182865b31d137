// Package follow keeps the lab network in line with the cluster's objects:
// routes with its nodes, ports of the host with its services. It learns of them
// by watching, and does nothing while they stay as they are.
package follow

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

// loop brings something in line: when kicked, and again while it can't.
type loop struct {
	kicked chan struct{}
	// synced tell that the caches have what the server has.
	synced []cache.InformerSynced
	// reconcile returns false when it wants to be called again later.
	reconcile func(context.Context) bool
}

func newLoop(reconcile func(context.Context) bool) *loop {
	return &loop{kicked: make(chan struct{}, 1), reconcile: reconcile}
}

// watch kicks the loop on each event for which changed says that it matters.
func (l *loop) watch(informer cache.SharedIndexInformer, changed func(before, after any) bool) error {
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { l.kick() },
		DeleteFunc: func(any) { l.kick() },
		UpdateFunc: func(before, after any) {
			if changed(before, after) {
				l.kick()
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	l.synced = append(l.synced, registration.HasSynced)
	return nil
}

// kick never waits: one pending kick stands for all.
func (l *loop) kick() {
	select {
	case l.kicked <- struct{}{}:
	default:
	}
}

// run works until ctx ends. Nothing is done before the caches are filled:
// a half-filled one would look like objects that are gone.
func (l *loop) run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), l.synced...) {
		return
	}
	l.kick()
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
