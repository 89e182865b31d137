package trace

import (
	"context"
	"maps"
	"sync"
)

// Capacity is how many events a store keeps, lateLimit how many bytes those may hold
// on to that are not yet looked at.
const (
	Capacity  = 8192
	lateLimit = 8 << 20
)

// Late completes an event when it is first read. Decoding costs more than seeing, and
// most events nobody reads.
type Late struct {
	Complete func(*Event)
	// Size is how many bytes Complete holds on to.
	Size int
}

type entry struct {
	event Event
	late  Late
}

// Store keeps the newest events. Adding one never waits for a reader: one that does
// not keep up loses the oldest, and is told how many.
type Store struct {
	mu   sync.Mutex
	ring []entry
	// next is the Seq of the next event; entries before lateFrom have no Late.
	next, lateFrom uint64
	lateSize       int
	// changed is closed at the next event, if somebody waits for it.
	changed chan struct{}
	stats   Stats
}

// Stats counts what a store took and gave up.
type Stats struct {
	Added uint64 `json:"added"`
	// Overwritten events made room for newer ones; Undecoded ones were let go before
	// anybody read them in full.
	Overwritten uint64 `json:"overwritten"`
	Undecoded   uint64 `json:"undecoded"`
}

// NewStore returns an empty store of the usual Capacity.
func NewStore() *Store { return NewStoreOf(Capacity) }

// NewStoreOf returns an empty store that keeps so many events.
func NewStoreOf(capacity int) *Store {
	return &Store{ring: make([]entry, capacity), next: 1, lateFrom: 1}
}

// Add keeps an event. A nil store takes none.
func (s *Store) Add(event Event) { s.AddLate(event, Late{}) }

// AddLate keeps an event that is completed when it is read.
func (s *Store) AddLate(event Event, late Late) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next > s.capacity() {
		if oldest := s.next - s.capacity(); s.lateFrom <= oldest {
			s.dropLate()
		}
		s.stats.Overwritten++
	}
	event.Seq = s.next
	*s.at(s.next) = entry{event, late}
	s.lateSize += late.Size
	s.next++
	s.stats.Added++
	for s.lateSize > lateLimit && s.lateFrom < s.next {
		s.dropLate()
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Follow calls f with each event after the one numbered after, first those that are
// kept and then each new one, until ctx ends or f returns an error. lost is how many
// were overwritten before this one could be read.
func (s *Store) Follow(ctx context.Context, after uint64, f func(event Event, lost uint64) error) error {
	for {
		e, lost, wait := s.read(after)
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		after = e.event.Seq
		if err := f(s.complete(e), lost); err != nil {
			return err
		}
	}
}

// Kept calls f with each event that is kept now, oldest first.
func (s *Store) Kept(f func(Event) error) error {
	last := s.Last()
	for after := uint64(0); after < last; {
		e, _, _ := s.read(after)
		after = e.event.Seq
		if after > last {
			return nil
		}
		if err := f(s.complete(e)); err != nil {
			return err
		}
	}
	return nil
}

// Scan calls f with each event after the one numbered after that is kept now, as it was
// seen: not completed, which costs, and to be read only. It returns the Seq of the last.
func (s *Store) Scan(after uint64, f func(Event)) uint64 {
	for last := s.Last(); after < last; {
		e, _, wait := s.read(after)
		if wait != nil || e.event.Seq > last {
			return after
		}
		after = e.event.Seq
		f(e.event)
	}
	return after
}

// Event returns the event with a number, completed; false if it is not kept any more.
func (s *Store) Event(seq uint64) (Event, bool) {
	if seq == 0 {
		return Event{}, false
	}
	e, _, wait := s.read(seq - 1)
	if wait != nil || e.event.Seq != seq {
		return Event{}, false
	}
	return s.complete(e), true
}

// Wait waits until there is an event after the one numbered after, or ctx ends.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		_, _, wait := s.read(after)
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Last returns the Seq of the newest event.
func (s *Store) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next - 1
}

// read returns the first event after the one numbered after, or what to wait for.
func (s *Store) read(after uint64) (e entry, lost uint64, wait <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := after + 1
	if seq >= s.next {
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		return entry{}, 0, s.changed
	}
	if oldest := s.next - min(s.next-1, s.capacity()); seq < oldest {
		lost, seq = oldest-seq, oldest
	}
	return *s.at(seq), lost, nil
}

// complete looks into the event, outside the lock, and keeps the result.
func (s *Store) complete(e entry) Event {
	if e.late.Complete == nil {
		return e.event
	}
	// Others may be reading the fields.
	e.event.Fields = maps.Clone(e.event.Fields)
	e.late.Complete(&e.event)
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.at(e.event.Seq); kept.event.Seq == e.event.Seq && kept.late.Complete != nil {
		s.lateSize -= kept.late.Size
		*kept = entry{event: e.event}
	}
	return e.event
}

// dropLate gives up the oldest Late; s.mu is held.
func (s *Store) dropLate() {
	e := s.at(s.lateFrom)
	// One that holds on to nothing is not given up.
	if e.late.Size > 0 {
		s.stats.Undecoded++
		s.lateSize -= e.late.Size
		e.late = Late{}
	}
	s.lateFrom++
}

func (s *Store) at(seq uint64) *entry { return &s.ring[seq%s.capacity()] }

func (s *Store) capacity() uint64 { return uint64(len(s.ring)) }
