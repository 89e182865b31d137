package hold

import (
	"slices"
	"time"
)

// pace sees to it that a request that came now has a turn, if its rule has a rate; m.mu is
// held. Turns are the rule's and no request's own: who is sent away and comes again loses its
// place, but leaves no hole behind.
func (m *Manager) pace(t *ticket, now time.Time) {
	r := t.rule
	if r.Rate == 0 {
		return
	}
	t.pause = r.pause(now)
	switch {
	case now.Before(r.open):
		r.open = time.Time{}
		m.let(t)
	case r.turn == nil:
		r.turn = time.AfterFunc(t.pause, func() { m.next(r) })
	}
}

// next lets the oldest request through that waits by the rule, and sets the next turn. One
// that finds nobody is kept for who was sent away and is about to come again.
func (m *Manager) next(r *rule) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.turn = nil
	t := m.oldest(r)
	if t == nil {
		r.open = time.Now().Add(comingBack)
		return
	}
	m.let(t)
	if t = m.oldest(r); t != nil {
		r.turn = time.AfterFunc(t.pause, func() { m.next(r) })
	}
	m.watchers.Publish()
}

// oldest is the request that waits by the rule for longest, nil if none does; m.mu is held.
func (m *Manager) oldest(r *rule) *ticket {
	i := slices.IndexFunc(m.waiting, func(t *ticket) bool { return t.rule == r })
	if i < 0 {
		return nil
	}
	return m.waiting[i]
}

// pause is how long a request that comes now waits by the rule's rate: as much longer than
// the component took to come up with it as it is to be slower.
func (r *rule) pause(now time.Time) time.Duration {
	gap := min(max(now.Sub(r.came), leastGap), mostGap)
	r.came = now
	return min(time.Duration(float64(gap)*(1/r.Rate-1)), mostPause)
}
