package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var errEnough = errors.New("enough")

func TestFollowGivesKeptThenNewEvents(t *testing.T) {
	s := NewStore()
	s.Add(Event{Verb: "1"})
	s.Add(Event{Verb: "2"})
	var got []string
	err := s.Follow(t.Context(), 1, func(e Event, lost uint64) error {
		got = append(got, fmt.Sprintf("%d:%s:%d", e.Seq, e.Verb, lost))
		if len(got) == 2 {
			return errEnough
		}
		// The reader has all: the next one comes while it waits.
		go s.Add(Event{Verb: "3"})
		return nil
	})
	if !errors.Is(err, errEnough) || strings.Join(got, ",") != "2:2:0,3:3:0" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSlowReaderIsToldWhatItLost(t *testing.T) {
	s := NewStore()
	for range Capacity + 10 {
		s.Add(Event{})
	}
	err := s.Follow(t.Context(), 3, func(e Event, lost uint64) error {
		if e.Seq != 11 || lost != 7 {
			t.Errorf("event %d, lost %d; want 11, 7", e.Seq, lost)
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
	if got := s.Stats(); got.Added != Capacity+10 || got.Overwritten != 10 {
		t.Errorf("counters: %+v", got)
	}
}

func TestLateIsCompletedOnceAndBounded(t *testing.T) {
	s := NewStore()
	calls := 0
	late := Late{Complete: func(e *Event) { calls++; e.Detail = "read" }, Size: lateLimit / 4}
	for range 6 {
		s.AddLate(Event{}, late)
	}
	for range 2 {
		var details []string
		if err := s.Kept(func(e Event) error { details = append(details, e.Detail); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(details, ","); got != ",,read,read,read,read" {
			t.Errorf("details %q", got)
		}
	}
	if calls != 4 || s.Stats().Undecoded != 2 || s.lateSize != 0 {
		t.Errorf("%d calls, %+v, %d bytes held", calls, s.Stats(), s.lateSize)
	}
	for range 3 * Capacity {
		s.AddLate(Event{}, Late{Complete: late.Complete, Size: 1})
	}
	if s.lateSize != Capacity {
		t.Errorf("%d bytes held after turning over, want %d", s.lateSize, Capacity)
	}
}

func TestReadersAndWritersAtOnce(t *testing.T) {
	s := NewStore()
	const writers, each = 4, 500
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			last := uint64(0)
			err := s.Follow(t.Context(), 0, func(e Event, lost uint64) error {
				if lost != 0 || e.Seq != last+1 {
					t.Errorf("event %d after %d, lost %d", e.Seq, last, lost)
				}
				if last = e.Seq; last == writers*each {
					return errEnough
				}
				return nil
			})
			if !errors.Is(err, errEnough) {
				t.Error(err)
			}
		})
	}
	for range writers {
		group.Go(func() {
			for range each {
				s.Add(Event{})
			}
		})
	}
	group.Wait()
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewStore().Follow(ctx, 0, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLineCannotSteerTheTerminal(t *testing.T) {
	line := Event{Component: "etcd", Verb: "put", Object: Object{Group: "apps", Resource: "deployments", Namespace: "shop", Name: "web"}, Detail: "a\x1b[2Jb\n"}.Line()
	if strings.ContainsAny(line, "\x1b\n") || !strings.Contains(line, "deployments.apps/shop/web") {
		t.Errorf("line %q", line)
	}
}
