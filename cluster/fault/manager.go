package fault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kubarium/cluster/latest"
)

const (
	// injectLimit and healLimit bound one attempt.
	injectLimit = time.Minute
	healLimit   = 2 * time.Minute
	// healPause is between two attempts to heal what did not heal when its time was
	// over: something else may be broken that heals first.
	healPause = 2 * time.Second
)

// Active is a fault that was injected and is not healed yet.
type Active struct {
	Order
	Expect string    `json:"expect"`
	Since  time.Time `json:"since"`
	// Until is when it heals by itself; zero if it was done at once.
	Until time.Time `json:"until,omitzero"`
	// Trouble says why it did not heal at the last attempt.
	Trouble string `json:"trouble,omitempty"`
}

// Manager injects faults into one cluster, and ends each after its limit.
type Manager struct {
	world World

	mu     sync.Mutex
	closed bool
	active map[key]*running
	// watchers are told of each change.
	watchers latest.Watchers
	tell     func(verb string, a Active)
}

type key struct{ name, target string }

// running is an active fault and what ends it.
type running struct {
	Active
	heal func(context.Context) error
	// plain is how its kind of fault calls a target.
	plain func(target string) string
	// lasting faults would be there after a restart of the cluster.
	lasting bool
	alone   string
	// healing is held while it is injected or healed.
	healing sync.Mutex
	// healed is closed when nothing of it is left.
	healed chan struct{}
}

// NewManager returns a manager without faults.
func NewManager(world World) *Manager {
	return &Manager{world: world, active: map[key]*running{}, tell: func(string, Active) {}}
}

// Tell has f called when a fault is injected ("inject"), healed ("heal") or does not heal
// ("fail"). f must not wait. It is to be set before any fault is injected.
func (m *Manager) Tell(f func(verb string, a Active)) { m.tell = f }

// Inject breaks what the order says. What it returns is active until it is healed,
// unless the fault was done at once.
func (m *Manager) Inject(ctx context.Context, o Order) (Active, error) {
	f, err := Find(o.Name)
	if err != nil {
		return Active{}, err
	}
	if o, err = f.complete(o); err != nil {
		return Active{}, err
	}
	r := &running{Active: Active{Order: o, Expect: f.Expect, Since: time.Now()}, plain: f.plain, lasting: f.lasting, alone: f.alone, healed: make(chan struct{})}
	r.healing.Lock()
	defer r.healing.Unlock()
	if err := m.claim(r); err != nil {
		return Active{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, injectLimit)
	defer cancel()
	m.tell("inject", r.Active)
	if r.heal, err = f.inject(ctx, m.world, o); err != nil {
		return Active{}, fmt.Errorf("%s %s: %w", o.Name, o.Target, m.undo(ctx, r, err))
	}
	if r.heal == nil {
		m.forget(r)
		return r.Active, nil
	}
	m.mu.Lock()
	// What takes long to break is broken for as long as it was ordered all the same.
	r.Since = time.Now()
	r.Until = r.Since.Add(o.For)
	m.mu.Unlock()
	m.world.Log().Info("fault injected", "fault", o.Name, "target", o.Target, "for", o.For, "params", o.Params)
	go m.expire(r)
	return r.Active, nil
}

// undo heals what an injection broke before it met an error, and returns that. What does
// not heal now stays active, and is tried again as if its time were over.
func (m *Manager) undo(ctx context.Context, r *running, broke error) error {
	var left error
	if r.heal != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healLimit)
		defer cancel()
		left = r.heal(ctx)
	}
	m.mu.Lock()
	r.Trouble = broke.Error()
	if left != nil {
		broke = fmt.Errorf("%w; what was begun does not heal yet: %w", broke, left)
		r.Trouble, r.Until = left.Error(), time.Now().Add(healPause)
		m.watchers.Publish()
	}
	m.tell("fail", r.Active)
	m.mu.Unlock()
	if left == nil {
		m.forget(r)
	} else {
		go m.expire(r)
	}
	return broke
}

// claim makes the fault known, if it is not active already.
func (m *Manager) claim(r *running) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{r.Name, r.Target}
	if m.closed {
		return errors.New("the cluster is stopping")
	}
	if _, is := m.active[k]; is {
		return fmt.Errorf("%s %s is active already: heal it first with 'kubarium fault heal %s %s'", k.name, k.target, k.name, k.target)
	}
	for _, other := range m.active {
		if r.alone != "" && other.alone == r.alone && other.Target == r.Target {
			return fmt.Errorf("%s %s has changed %s: heal it first with 'kubarium fault heal %s'", other.Name, other.Target, r.alone, other.Name)
		}
	}
	m.active[k] = r
	m.watchers.Publish()
	return nil
}

func (m *Manager) forget(r *running) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{r.Name, r.Target}
	if m.active[k] != r {
		return
	}
	delete(m.active, k)
	close(r.healed)
	m.watchers.Publish()
}

// expire heals the fault when its time is over.
func (m *Manager) expire(r *running) {
	timer := time.NewTimer(time.Until(r.Until))
	defer timer.Stop()
	for {
		select {
		case <-r.healed:
			return
		case <-timer.C:
		}
		if err := m.heal(context.Background(), r); err != nil {
			m.world.Log().Warn("fault does not heal", "fault", r.Name, "target", r.Target, "error", err)
			timer.Reset(healPause)
		}
	}
}

// heal ends one fault; what is healed already is fine.
func (m *Manager) heal(ctx context.Context, r *running) error {
	r.healing.Lock()
	defer r.healing.Unlock()
	select {
	case <-r.healed:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, healLimit)
	defer cancel()
	if err := r.heal(ctx); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		r.Trouble = err.Error()
		m.tell("fail", r.Active)
		m.watchers.Publish()
		return fmt.Errorf("heal %s %s: %w", r.Name, r.Target, err)
	}
	m.tell("heal", r.Active)
	m.world.Log().Info("fault healed", "fault", r.Name, "target", r.Target)
	m.forget(r)
	return nil
}

// Heal ends the active faults of the given name and target; an empty one means all. It
// returns those that it healed.
func (m *Manager) Heal(ctx context.Context, name, target string) ([]Active, error) {
	return m.healAll(ctx, func(r *running) bool {
		return (name == "" || r.Name == name) && (target == "" || r.Target == r.plain(target))
	})
}

func (m *Manager) healAll(ctx context.Context, these func(*running) bool) ([]Active, error) {
	var healed []Active
	var errs []error
	// The newest first, as they may lie upon each other.
	for _, r := range slices.Backward(m.list()) {
		if !these(r) {
			continue
		}
		if err := m.heal(ctx, r); err != nil {
			errs = append(errs, err)
			continue
		}
		healed = append(healed, r.Active)
	}
	return healed, errors.Join(errs...)
}

// Active returns the faults that are active, the oldest first.
func (m *Manager) Active() []Active {
	list := m.list()
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Active, 0, len(list))
	for _, r := range list {
		all = append(all, r.Active)
	}
	return all
}

func (m *Manager) list() []*running {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*running, 0, len(m.active))
	for _, r := range m.active {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *running) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name+a.Target, b.Name+b.Target))
	})
	return list
}

// Watch tells the active faults, and all of them again after each change, until ctx
// ends.
func (m *Manager) Watch(ctx context.Context) <-chan []Active {
	return latest.Watch(ctx, &m.watchers, m.Active)
}

// Close heals what would outlast the cluster, and takes no more faults. The others end
// with what they are in: nodes, namespaces and this process.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	_, err := m.healAll(ctx, func(r *running) bool { return r.lasting })
	for _, r := range m.list() {
		m.forget(r)
	}
	return err
}
