package watch

import (
	"slices"
	"sort"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// keptEvents is how many events are remembered. The API server keeps an hour of
// them, which in a busy cluster is far more than anyone reads.
const keptEvents = 500

// eventStore is what a reflector writes events to: the newest ones only.
type eventStore struct {
	changed func()

	mu     sync.Mutex
	events map[types.UID]*corev1.Event
}

var _ cache.ReflectorStore = (*eventStore)(nil)

func newEventStore(changed func()) *eventStore {
	return &eventStore{changed: changed, events: map[types.UID]*corev1.Event{}}
}

func (s *eventStore) Add(obj any) error {
	if e, ok := obj.(*corev1.Event); ok {
		e.ManagedFields = nil
		s.mu.Lock()
		s.events[e.UID] = e
		if len(s.events) > keptEvents+keptEvents/4 {
			s.cut()
		}
		s.mu.Unlock()
		s.changed()
	}
	return nil
}

func (s *eventStore) Update(obj any) error { return s.Add(obj) }

func (s *eventStore) Delete(obj any) error {
	if d, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = d.Obj
	}
	if e, ok := obj.(*corev1.Event); ok {
		s.mu.Lock()
		delete(s.events, e.UID)
		s.mu.Unlock()
		s.changed()
	}
	return nil
}

func (s *eventStore) Replace(list []any, _ string) error {
	s.mu.Lock()
	s.events = make(map[types.UID]*corev1.Event, len(list))
	for _, obj := range list {
		if e, ok := obj.(*corev1.Event); ok {
			e.ManagedFields = nil
			s.events[e.UID] = e
		}
	}
	if len(s.events) > keptEvents {
		s.cut()
	}
	s.mu.Unlock()
	s.changed()
	return nil
}

func (s *eventStore) Resync() error { return nil }

// cut forgets the oldest events.
func (s *eventStore) cut() {
	for _, e := range s.sorted()[keptEvents:] {
		delete(s.events, e.UID)
	}
}

// list are the events, newest first.
func (s *eventStore) list() []*corev1.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sorted()
}

func (s *eventStore) sorted() []*corev1.Event {
	list := make([]*corev1.Event, 0, len(s.events))
	for _, e := range s.events {
		list = append(list, e)
	}
	sortEvents(list)
	return list
}

// sortEvents puts the newest first.
func sortEvents(list []*corev1.Event) {
	sort.Slice(list, func(i, j int) bool {
		a, b := EventTime(list[i]), EventTime(list[j])
		if !a.Equal(b) {
			return a.After(b)
		}
		return list[i].UID > list[j].UID
	})
}

// JoinEvents are those that are followed and others that were listed once, each once, newest first.
func JoinEvents(followed, listed []*corev1.Event) []*corev1.Event {
	list := slices.Clone(followed)
	for _, e := range listed {
		if !slices.ContainsFunc(followed, func(o *corev1.Event) bool { return o.Namespace == e.Namespace && o.Name == e.Name }) {
			list = append(list, e)
		}
	}
	sortEvents(list)
	return list
}

// EventTime is when an event was last seen.
func EventTime(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// EventCount is how often an event was seen.
func EventCount(e *corev1.Event) int {
	switch {
	case e.Series != nil:
		return int(e.Series.Count)
	case e.Count > 1:
		return int(e.Count)
	}
	return 1
}
