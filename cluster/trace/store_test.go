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
	// Room for ten events of the least size.
	s := NewStoreOf(10*emptySize, 0)
	for range 20 {
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
	if got := s.Stats(); got.Added != 20 || got.Overwritten != 10 || got.Kept != 10 || got.Bytes != 10*emptySize {
		t.Errorf("counters: %+v", got)
	}
}

// emptySize is what an event counts for that says nothing.
var emptySize = fixedSize + len(pack(Event{}, nil))

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
	for range 3 * Limit / emptySize {
		s.AddLate(Event{}, Late{Complete: late.Complete, Size: 1})
	}
	if kept := s.Stats().Kept; s.lateSize != kept || kept != Limit/emptySize {
		t.Errorf("%d bytes held after turning over, of %d events; want one each of %d", s.lateSize, kept, Limit/emptySize)
	}
}

// TestSizeIsBounded adds events that grow when they are looked at.
func TestSizeIsBounded(t *testing.T) {
	s := NewStoreOf(100*fixedSize, 0)
	for range 50 {
		s.AddLate(Event{Fields: map[string]string{"key": "k"}}, Late{Complete: func(e *Event) {
			e.Fields["diff"] = strings.Repeat("x", 10*fixedSize)
		}, Size: 1})
	}
	if got := s.Stats(); got.Kept != 50 {
		t.Fatalf("%+v before anybody looks", got)
	}
	n := 0
	if err := s.Kept(func(e Event) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Bytes > 100*fixedSize || got.Kept == 0 || got.Kept > 10 || n < 10 {
		t.Errorf("%+v after %d were looked at", got, n)
	}
	// One that is larger than all there may be is kept until the next comes.
	s.Add(Event{Detail: strings.Repeat("x", 200*fixedSize)})
	if got := s.Stats(); got.Kept != 1 {
		t.Errorf("%+v with a large one", got)
	}
}

// TestWhatIsLetGoLeavesTheRest has an event hold on to more than may be held: what is large goes,
// what it cannot be told without stays.
func TestWhatIsLetGoLeavesTheRest(t *testing.T) {
	s := NewStore()
	fill := func(word string) func(*Event) { return func(e *Event) { e.Fields["word"] = word } }
	late := Late{Complete: fill("whole"), Brief: fill("brief"), Size: lateLimit}
	s.AddLate(Event{}, late)
	s.AddFields(Event{Fields: map[string]string{"a": "1"}}, []Field{{"b", "2"}}, late)
	if got := s.Stats(); got.Undecoded != 1 {
		t.Errorf("%+v with one let go", got)
	}
	for range 2 {
		var words []string
		if err := s.Kept(func(e Event) error { words = append(words, fmt.Sprint(e.Fields)); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(words, " "); got != "map[word:brief] map[a:1 b:2 word:whole]" {
			t.Errorf("told %q", got)
		}
	}
	if s.lateSize != 0 {
		t.Errorf("%d bytes are held of what was read", s.lateSize)
	}
}

// TestScanUnpacksWhatIsMeant looks for a few of many.
func TestScanUnpacksWhatIsMeant(t *testing.T) {
	s := NewStore()
	for i := range 10 {
		s.AddLate(Event{Verb: fmt.Sprint(i), Fields: map[string]string{"i": fmt.Sprint(i)}}, Late{Complete: func(*Event) { t.Error("a scan completes an event") }})
	}
	var found []string
	last := s.Scan(2, func(e Event) bool {
		if e.Fields != nil {
			t.Errorf("event %d has its fields before it is meant", e.Seq)
		}
		return e.Verb == "1" || e.Verb == "5"
	}, func(e Event) { found = append(found, fmt.Sprintf("%d:%s", e.Seq, e.Fields["i"])) })
	if got := strings.Join(found, ","); got != "6:5" || last != 10 {
		t.Errorf("found %s until %d", got, last)
	}
}

// TestRoutineMakesNoRoom has a cluster rest for long after something happened.
func TestRoutineMakesNoRoom(t *testing.T) {
	s := NewStoreOf(100*fixedSize, 20*fixedSize)
	renewal := Event{Verb: "update", Object: Object{Resource: "leases", Name: "node-1"}}
	for i := range 10 {
		s.Add(Event{Verb: fmt.Sprint(i)})
		for range 1000 {
			s.Add(renewal)
		}
	}
	if !Routine(Event{Verb: "probe", Fields: map[string]string{Again: "true"}}) || Routine(Event{Verb: "probe", Fields: map[string]string{"result": "failed"}}) {
		t.Error("a probe is routine when it finds what it found before")
	}
	// To make and to end a Lease is no routine.
	s.Add(Event{Verb: "create", Object: renewal.Object})
	var told []string
	last, lost, given := uint64(0), uint64(0), uint64(0)
	err := s.Follow(t.Context(), 0, func(e Event, missed uint64) error {
		if e.Seq <= last {
			t.Errorf("%d comes after %d", e.Seq, last)
		}
		last, lost, given = e.Seq, lost+missed, given+1
		if missed > 0 && given > 1 {
			t.Errorf("%d are told to be lost before event %d, and not at the first", missed, e.Seq)
		}
		if e.Verb != "update" {
			told = append(told, e.Verb)
		}
		if e.Verb == "create" {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || strings.Join(told, "") != "0123456789create" {
		t.Errorf("told %v (%v)", told, err)
	}
	stats := s.Stats()
	if stats.Routine != stats.Overwritten || stats.Overwritten != lost || given+lost != stats.Added {
		t.Errorf("%+v, %d given, %d told to be lost", stats, given, lost)
	}
	if e, ok := s.Event(1); !ok || e.Verb != "0" {
		t.Errorf("the first event is %+v, %v", e, ok)
	}
	if _, ok := s.Event(2); ok {
		t.Error("a renewal of long ago is kept")
	}
}

// TestGapsAreCountedOnce has a reader that is slower than those who write, and counts what it
// got and what it was told to have lost.
func TestGapsAreCountedOnce(t *testing.T) {
	s := NewStoreOf(50*fixedSize, 10*fixedSize)
	const all = 5000
	lease := Object{Resource: "leases", Name: "n"}
	write := func(n int) {
		for i := range n {
			if i%3 == 0 {
				s.Add(Event{Verb: "create"})
				continue
			}
			s.Add(Event{Verb: "update", Object: lease})
		}
	}
	write(1000)
	var given, lost uint64
	err := s.Follow(t.Context(), 0, func(e Event, missed uint64) error {
		given, lost = given+1, lost+missed
		if given+lost < e.Seq {
			t.Errorf("at event %d: %d given, %d lost", e.Seq, given, lost)
		}
		if e.Seq < all {
			write(min(int(given%40)*10, all-int(s.Last())))
			if s.Last() < all && s.Last() == e.Seq {
				write(1)
			}
		}
		if e.Seq == all {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || given+lost != all {
		t.Errorf("%d given, %d lost, of %d (%v)", given, lost, all, err)
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

func TestObjectsAreNamedAsByKubectl(t *testing.T) {
	for want, o := range map[string]Object{
		"deployments.apps/shop/web":  {Group: "apps", Resource: "deployments", Namespace: "shop", Name: "web"},
		"namespaces/shop":            {Resource: "namespaces", Namespace: "shop", Name: "shop"},
		"namespaces/shop (finalize)": {Resource: "namespaces", Subresource: "finalize", Namespace: "shop", Name: "shop"},
		"pod/shop/web":               {Kind: "Pod", Namespace: "shop", Name: "web"},
	} {
		if got := o.String(); got != want {
			t.Errorf("%+v is %q, want %q", o, got, want)
		}
	}
}
