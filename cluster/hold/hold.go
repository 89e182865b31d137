package hold

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kubarium/cluster/latest"
)

const (
	// maxWaiting is how many requests wait at most; others are sent away to come again.
	maxWaiting = 500
	// Of a slowed component, no request waits as if it had taken less or more than this
	// to come up with it.
	leastGap, mostGap = 100 * time.Millisecond, time.Second
	// mostPause is the longest between two requests by a rate. It is well below what a
	// request may wait: else each would be sent away before its turn comes.
	mostPause = 15 * time.Second
	// comingBack is how long a request takes that was sent away, and comes again.
	comingBack = 2 * time.Second
)

// ErrComeAgain is what a request gets that waited as long as it may: its client sends it
// again, and it waits again.
var ErrComeAgain = errors.New("held: the request is to be sent again")

// Waiting is a request that waits.
type Waiting struct {
	Request
	// ID counts the requests that ever waited.
	ID uint64 `json:"id"`
	// Rule is the name of the rule by which it waits.
	Rule string `json:"rule"`
	// Since is when it came.
	Since time.Time `json:"since"`
}

// State is what is held.
type State struct {
	Rules   []Rule    `json:"rules"`
	Waiting []Waiting `json:"waiting"`
	// Passed counts the requests that waited and were let through, Returned those that
	// were sent away to come again, Gone those whose client did not wait.
	Passed   uint64 `json:"passed"`
	Returned uint64 `json:"returned"`
	Gone     uint64 `json:"gone"`
}

// Change is one thing that happened to a rule or to a request.
type Change struct {
	// Verb is "hold" or "release" of a rule; of a request that it "wait"s, may "pass", is
	// "return"ed to come again, or that its client did not wait ("lose").
	Verb string
	Rule string
	// Request is nil if it is about a rule.
	Request *Waiting
}

// Manager has the rules of one cluster, and the requests that wait.
type Manager struct {
	// active is whether there is any rule: the one thing that all requests look at.
	active atomic.Bool

	mu      sync.Mutex
	rules   []*rule
	waiting []*ticket
	last    uint64
	counts  State
	// watchers are told of each change.
	watchers latest.Watchers
	tell     func(Change)
	known    func(who string) error
}

type rule struct {
	Rule
	// came is when the last request came.
	came time.Time
	// turn is the timer by which, at a rate, the oldest request passes. It is nil while
	// nobody waits for it.
	turn *time.Timer
	// open is until when a request passes at once, since its turn found nobody.
	open time.Time
}

type ticket struct {
	Waiting
	rule *rule
	// pause is how long its turn is after that of the one before it, if its rule has a
	// rate.
	pause time.Duration
	// pass is closed when the request may go on.
	pass chan struct{}
}

// NewManager returns a manager without rules.
func NewManager() *Manager {
	return &Manager{tell: func(Change) {}, known: func(string) error { return nil }}
}

// Hold has requests wait from now on.
func (m *Manager) Hold(r Rule) error {
	if err := r.check(); err != nil {
		return err
	}
	if !slices.Contains(Kinds(), r.Name) {
		if err := m.known(r.Name); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.rules, func(other *rule) bool { return other.Name == r.Name }) {
		return fmt.Errorf("%s is held already: release it first with 'kubarium release %s'", r.Name, r.Name)
	}
	r.Since = time.Now()
	m.tell(Change{Verb: "hold", Rule: r.Name})
	m.rules = append(m.rules, &rule{Rule: r})
	m.active.Store(true)
	m.watchers.Publish()
	return nil
}

// Step lets the oldest n requests through that wait by the rule of this name; "" is any.
// It returns them.
func (m *Manager) Step(name string, n int) ([]Waiting, error) {
	if n < 1 {
		return nil, fmt.Errorf("%d requests: at least one goes through", n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.held(name); err != nil {
		return nil, err
	}
	var passed []Waiting
	for _, t := range slices.Clone(m.waiting) {
		if len(passed) < n && (name == "" || t.Rule == name) {
			passed = append(passed, t.Waiting)
			m.let(t)
		}
	}
	m.watchers.Publish()
	return passed, nil
}

// Release takes the rule of this name away, "" is all, and lets through what waits by it.
func (m *Manager) Release(name string) ([]Waiting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name != "" {
		if err := m.held(name); err != nil {
			return nil, err
		}
	}
	m.rules = slices.DeleteFunc(m.rules, func(r *rule) bool {
		if name != "" && r.Name != name {
			return false
		}
		m.tell(Change{Verb: "release", Rule: r.Name})
		return true
	})
	m.active.Store(len(m.rules) > 0)
	var passed []Waiting
	for _, t := range slices.Clone(m.waiting) {
		if name == "" || t.Rule == name {
			passed = append(passed, t.Waiting)
			m.let(t)
		}
	}
	m.watchers.Publish()
	return passed, nil
}

// held refuses a name that is no rule's; m.mu is held.
func (m *Manager) held(name string) error {
	var names []string
	for _, r := range m.rules {
		if r.Name == name {
			return nil
		}
		names = append(names, r.Name)
	}
	switch {
	case len(names) == 0:
		return errors.New("nothing is held")
	case name != "":
		return fmt.Errorf("%s is not held; held: %s", name, strings.Join(names, ", "))
	}
	return nil
}

// let lets a request through; m.mu is held.
func (m *Manager) let(t *ticket) {
	m.waiting = slices.DeleteFunc(m.waiting, func(other *ticket) bool { return other == t })
	m.counts.Passed++
	m.tell(Change{Verb: "pass", Rule: t.Rule, Request: &t.Waiting})
	close(t.pass)
}

// State returns what is held.
func (m *Manager) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.counts
	s.Rules, s.Waiting = make([]Rule, 0, len(m.rules)), make([]Waiting, 0, len(m.waiting))
	for _, r := range m.rules {
		s.Rules = append(s.Rules, r.Rule)
	}
	for _, t := range m.waiting {
		s.Waiting = append(s.Waiting, t.Waiting)
	}
	return s
}

// Active reports whether there is any rule.
func (m *Manager) Active() bool { return m.active.Load() }

// Holds reports whether the request would have to wait.
func (m *Manager) Holds(q Request) bool {
	if !m.Active() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.find(q) != nil
}

func (m *Manager) find(q Request) *rule {
	i := slices.IndexFunc(m.rules, func(r *rule) bool { return r.Matches(q) })
	if i < 0 {
		return nil
	}
	return m.rules[i]
}

// Wait returns nil when the request may go on: at once, if no rule matches it. It
// returns ErrComeAgain when its time is over or too many wait, and ctx' error when its
// client is gone.
func (m *Manager) Wait(ctx context.Context, q Request, limit time.Duration) error {
	t, err := m.enter(q)
	if t == nil {
		return err
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-t.pass:
		return nil
	case <-timeout.C:
		err = ErrComeAgain
	case <-ctx.Done():
		err = ctx.Err()
	}
	count, verb := &m.counts.Returned, "return"
	if !errors.Is(err, ErrComeAgain) {
		count, verb = &m.counts.Gone, "lose"
	}
	if m.leave(t, count, verb) {
		return err
	}
	// It was let through in this moment.
	return nil
}

// enter has a request wait, if a rule matches it.
func (m *Manager) enter(q Request) (*ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.find(q)
	if r == nil {
		return nil, nil
	}
	if len(m.waiting) >= maxWaiting {
		m.counts.Returned++
		return nil, ErrComeAgain
	}
	m.last++
	now := time.Now()
	t := &ticket{Waiting: Waiting{Request: q, ID: m.last, Rule: r.Name, Since: now}, rule: r, pass: make(chan struct{})}
	m.waiting = append(m.waiting, t)
	m.tell(Change{Verb: "wait", Rule: r.Name, Request: &t.Waiting})
	m.pace(t, now)
	m.watchers.Publish()
	return t, nil
}

// leave takes a request out of the queue and counts it, if it is still in it.
func (m *Manager) leave(t *ticket, count *uint64, verb string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.waiting, t)
	if i < 0 {
		return false
	}
	m.waiting = slices.Delete(m.waiting, i, i+1)
	*count++
	m.tell(Change{Verb: verb, Rule: t.Rule, Request: &t.Waiting})
	m.watchers.Publish()
	return true
}

// Tell has f called with each change, in order, before it takes effect. f must not wait,
// nor call the manager. It is to be set before any rule is.
func (m *Manager) Tell(f func(Change)) { m.tell = f }

// Know has f refuse who is not to be held, as nobody of that name writes. It may wait, and
// is to be set before any rule is.
func (m *Manager) Know(f func(who string) error) { m.known = f }

// Watch tells what is held, and all of it again after each change, until ctx ends.
func (m *Manager) Watch(ctx context.Context) <-chan State {
	return latest.Watch(ctx, &m.watchers, m.State)
}
