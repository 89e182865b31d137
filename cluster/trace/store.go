package trace

import (
	"context"
	"sync"
)

// Limit is how many bytes of events a store keeps, about; RoutineLimit how many more of those that
// only say again that somebody lives: they come at each moment, and must not push out what
// happened. lateLimit is how many bytes both may hold on to that are not yet looked at.
const (
	Limit        = 12 << 20
	RoutineLimit = 2 << 20
	lateLimit    = 8 << 20
)

// Late completes an event when it is first read. Decoding costs more than seeing, and
// most events nobody reads.
type Late struct {
	Complete func(*Event)
	// Size is how many bytes Complete holds on to that may be let go before anybody reads the
	// event.
	Size int
	// Brief completes it without those, nil if there is nothing to be said then.
	Brief func(*Event)
}

// entry is an event as it is kept.
type entry struct {
	seq    uint64
	packed packed
	late   Late
}

// Store keeps the newest events. Adding one never waits for a reader: one that does
// not keep up loses the oldest, and is told how many.
type Store struct {
	mu sync.Mutex
	// kept are what happened, and what is routine, each in the order of Seq.
	kept [2]ring
	// next is the Seq of the next event, lateSize what those that are kept hold on to.
	next     uint64
	lateSize int
	// changed is closed at the next event, if somebody waits for it.
	changed chan struct{}
	stats   Stats
}

// Stats counts what a store took and gave up.
type Stats struct {
	Added uint64 `json:"added"`
	// Overwritten events made room for newer ones, Routine of them were such as Routine says;
	// Undecoded ones were let go before anybody read them in full.
	Overwritten uint64 `json:"overwritten"`
	Routine     uint64 `json:"routine"`
	Undecoded   uint64 `json:"undecoded"`
	// Kept is how many there are, Bytes their size.
	Kept  int `json:"kept"`
	Bytes int `json:"bytes"`
}

// NewStore returns an empty store with the usual limits.
func NewStore() *Store { return NewStoreOf(Limit, RoutineLimit) }

// NewStoreOf returns an empty store that keeps so many bytes of events, and of routine.
func NewStoreOf(limit, routine int) *Store {
	return &Store{kept: [2]ring{{limit: limit}, {limit: routine}}, next: 1}
}

// Add keeps an event. A nil store takes none.
func (s *Store) Add(event Event) { s.AddLate(event, Late{}) }

// AddLate keeps an event that is completed when it is read.
func (s *Store) AddLate(event Event, late Late) { s.AddFields(event, nil, late) }

// AddFields keeps an event with more fields than it has itself: a map takes longer to make
// than a list. Of both none may have another's name.
func (s *Store) AddFields(event Event, fields []Field, late Late) {
	if s == nil {
		return
	}
	e := entry{packed: pack(event, fields), late: late}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.seq = s.next
	s.ringOf(event).push(e)
	s.trim()
	s.next++
	s.stats.Added++
	s.lateSize += late.Size
	for s.lateSize > lateLimit && s.dropLate() {
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (s *Store) ringOf(e Event) *ring {
	if Routine(e) {
		return &s.kept[1]
	}
	return &s.kept[0]
}

// trim makes room: the oldest go, but the newest stays however large it is. s.mu is held.
func (s *Store) trim() {
	for i := range s.kept {
		r := &s.kept[i]
		for r.bytes > r.limit && r.count > 1 {
			e := r.pop()
			s.lateSize -= e.late.Size
			s.stats.Overwritten++
			if i == 1 {
				s.stats.Routine++
			}
		}
	}
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	for _, r := range s.kept {
		stats.Kept += r.count
		stats.Bytes += r.bytes
	}
	return stats
}

// Follow calls f with each event after the one numbered after, first those that are
// kept and then each new one, until ctx ends or f returns an error. lost is how many
// were overwritten before this one could be read; the first is told how many of those until
// now: of the past, routine goes first.
func (s *Store) Follow(ctx context.Context, after uint64, f func(event Event, lost uint64) error) error {
	// Of the events after begin, f has got given, and heard that told are lost.
	begin, given, told := after, uint64(0), uint64(0)
	unseen := s.missing(after)
	for {
		e, wait := s.read(after)
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
		after = e.seq
		unseen = max(unseen, after-begin-1-given)
		lost := unseen - told
		given, told = given+1, unseen
		if err := f(s.complete(e), lost); err != nil {
			return err
		}
	}
}

// missing is how many of the events after the one numbered after are not kept.
func (s *Store) missing(after uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after+1 >= s.next {
		return 0
	}
	missing := s.next - 1 - after
	for i := range s.kept {
		r := &s.kept[i]
		missing -= uint64(r.count - r.find(after+1))
	}
	return missing
}

// Kept calls f with each event that is kept now, oldest first.
func (s *Store) Kept(f func(Event) error) error {
	last := s.Last()
	for after := uint64(0); after < last; {
		e, wait := s.read(after)
		if after = e.seq; wait != nil || after > last {
			return nil
		}
		if err := f(s.complete(e)); err != nil {
			return err
		}
	}
	return nil
}

// Scan calls f with those events after the one numbered after that are kept now and meant, as
// they were seen: not completed, which costs. meant gets each without its fields. It
// returns the Seq of the last that it looked at.
func (s *Store) Scan(after uint64, meant func(Event) bool, f func(Event)) uint64 {
	for last := s.Last(); after < last; {
		e, wait := s.read(after)
		if wait != nil || e.seq > last {
			return after
		}
		after = e.seq
		if meant(e.packed.unpack(e.seq, false)) {
			f(e.packed.unpack(e.seq, true))
		}
	}
	return after
}

// Event returns the event with a number, completed; false if it is not kept any more.
func (s *Store) Event(seq uint64) (Event, bool) {
	if seq == 0 {
		return Event{}, false
	}
	e, wait := s.read(seq - 1)
	if wait != nil || e.seq != seq {
		return Event{}, false
	}
	return s.complete(e), true
}

// Wait waits until there is an event after the one numbered after, or ctx ends.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		_, wait := s.read(after)
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
func (s *Store) read(after uint64) (e entry, wait <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *entry
	for i := range s.kept {
		r := &s.kept[i]
		if at := r.find(after + 1); at < r.count {
			if one := r.at(at); first == nil || one.seq < first.seq {
				first = one
			}
		}
	}
	if first == nil {
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		return entry{}, s.changed
	}
	return *first, nil
}

// complete looks into the event, outside the lock, and keeps the result.
func (s *Store) complete(e entry) Event {
	event := e.packed.unpack(e.seq, true)
	if e.late.Complete == nil {
		return event
	}
	if event.Fields == nil {
		event.Fields = map[string]string{}
	}
	e.late.Complete(&event)
	done := entry{seq: e.seq, packed: pack(event, nil)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, kept := s.get(e.seq); kept != nil && kept.late.Complete != nil {
		s.lateSize -= kept.late.Size
		r.bytes += done.size() - kept.size()
		*kept = done
		s.trim()
	}
	return event
}

// dropLate gives up what the oldest event holds on to; false if none does. s.mu is held.
func (s *Store) dropLate() bool {
	var oldest *ring
	for i := range s.kept {
		if r := &s.kept[i]; len(r.late) > 0 && (oldest == nil || r.late[0] < oldest.late[0]) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	_, e := s.get(oldest.late[0])
	oldest.late = oldest.late[1:]
	// It may have been looked at.
	if e != nil && e.late.Size > 0 {
		s.stats.Undecoded++
		s.lateSize -= e.late.Size
		e.late = Late{Complete: e.late.Brief}
	}
	return true
}

// get finds the event of a number, nil if it is not kept; s.mu is held.
func (s *Store) get(seq uint64) (*ring, *entry) {
	for i := range s.kept {
		r := &s.kept[i]
		if at := r.find(seq); at < r.count && r.at(at).seq == seq {
			return r, r.at(at)
		}
	}
	return nil, nil
}
