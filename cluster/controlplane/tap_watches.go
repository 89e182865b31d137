package controlplane

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"

	"kubarium/cluster/trace"
)

const (
	// spread is how long a change is counted before it is told of: the watch cache gives it
	// to all watchers in a moment. Who gets it later is told of again.
	spread = 200 * time.Millisecond
	// maxSpreading bounds the changes that are counted at a time.
	maxSpreading = 1024
)

// watchTap counts who gets a change by a watch. It stands between the watches of clients
// and the watch cache.
type watchTap struct {
	store *trace.Store

	mu sync.Mutex
	// spreading are the changes that are counted now, the oldest first in order.
	spreading map[change]*delivery
	order     []change
}

type change struct {
	resource schema.GroupResource
	revision string
}

type delivery struct {
	event watch.EventType
	meta  trace.Object
	since time.Time
	to    map[string]int
}

func newWatchTap(store *trace.Store) *watchTap {
	return &watchTap{store: store, spreading: map[change]*delivery{}}
}

// follow returns the watch as its client is to read it.
func (t *watchTap) follow(ctx context.Context, inner watch.Interface, resource schema.GroupResource, opts storage.ListOptions) watch.Interface {
	who := "?"
	if u, ok := request.UserFrom(ctx); ok {
		who = u.GetName()
	}
	w := &tappedWatch{inner: inner, out: make(chan watch.Event), done: make(chan struct{})}
	go w.run(func(e watch.Event) { t.count(who, resource, e) }, initial(opts))
	return w
}

// initial reports whether a watch begins with what there is, which is no news.
func initial(opts storage.ListOptions) bool {
	return opts.SendInitialEvents != nil && *opts.SendInitialEvents
}

// count notes that somebody gets a change.
func (t *watchTap) count(who string, resource schema.GroupResource, e watch.Event) {
	if e.Type != watch.Added && e.Type != watch.Modified && e.Type != watch.Deleted {
		return
	}
	object, err := meta.Accessor(e.Object)
	if err != nil {
		return
	}
	c := change{resource, object.GetResourceVersion()}
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.spreading[c]
	if !ok {
		if len(t.order) == maxSpreading {
			t.tell(t.order[0])
		}
		d = &delivery{event: e.Type, since: time.Now(), to: map[string]int{}, meta: trace.Object{
			Group: resource.Group, Resource: resource.Resource,
			Namespace: object.GetNamespace(), Name: object.GetName(), UID: string(object.GetUID()),
		}}
		t.spreading[c] = d
		t.order = append(t.order, c)
		if len(t.order) == 1 {
			time.AfterFunc(spread, t.settle)
		}
	}
	d.to[who]++
}

// settle tells of the changes that are counted long enough.
func (t *watchTap) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 {
		if wait := spread - time.Since(t.spreading[t.order[0]].since); wait > 0 {
			time.AfterFunc(wait, t.settle)
			return
		}
		t.tell(t.order[0])
	}
}

// tell gives the oldest change to the store; t.mu is held.
func (t *watchTap) tell(c change) {
	d := t.spreading[c]
	delete(t.spreading, c)
	t.order = t.order[1:]
	n := 0
	for _, times := range d.to {
		n += times
	}
	t.store.AddFields(trace.Event{Time: d.since, Component: APIServerName, Verb: "notify", Object: d.meta}, []trace.Field{
		{Key: "revision", Value: c.revision}, {Key: "watchers", Value: strconv.Itoa(n)},
		{Key: "change", Value: strings.ToLower(string(d.event))}, {Key: "to", Value: d.names()},
	}, trace.Late{Complete: describeDelivery})
}

// names are of those who got a change, and how often if more than once.
func (d *delivery) names() string {
	names := make([]string, 0, len(d.to))
	for name, times := range d.to {
		if times > 1 {
			name += " " + strconv.Itoa(times) + " times"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func describeDelivery(e *trace.Event) {
	e.Detail = fmt.Sprintf("revision %s to %s watchers: %s", e.Fields["revision"], e.Fields["watchers"], e.Fields["to"])
}

// tappedWatch passes events on one by one.
type tappedWatch struct {
	inner watch.Interface
	out   chan watch.Event
	stop  sync.Once
	done  chan struct{}
}

// ResultChan implements watch.Interface.
func (w *tappedWatch) ResultChan() <-chan watch.Event { return w.out }

// Stop implements watch.Interface.
func (w *tappedWatch) Stop() {
	w.stop.Do(func() { close(w.done) })
	w.inner.Stop()
}

func (w *tappedWatch) run(count func(watch.Event), initial bool) {
	defer close(w.out)
	for e := range w.inner.ResultChan() {
		if initial {
			initial = !endsInitial(e)
		} else {
			count(e)
		}
		select {
		case w.out <- e:
		case <-w.done:
			return
		}
	}
}

// endsInitial reports whether what there was is complete with this event.
func endsInitial(e watch.Event) bool {
	if e.Type != watch.Bookmark {
		return false
	}
	object, err := meta.Accessor(e.Object)
	return err == nil && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}
