// Package play plays a lesson on a live cluster: it watches what the lesson
// looks at, ticks checks off, opens hints, solves, resets, and remembers how
// far the learner got. It shows nothing; whoever does reads its snapshots.
//
// One goroutine, Run's, owns all state. Methods hand it work and return at
// once, so that they can be called from a user interface's update loop.
package play

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubarium/cluster/component"
	"kubarium/cluster/rewind"
	"kubarium/lessons"
)

// Env is the world around a player.
type Env struct {
	// Config reaches the cluster. Client is used instead when it is set.
	Config *rest.Config
	Client dynamic.Interface
	// Kubectl returns a command that runs kubectl against the cluster, as the
	// learner and not as root. Arguments as lessons.ToolOf returns them are for
	// Kubarium itself.
	Kubectl func(ctx context.Context, args ...string) *exec.Cmd
	// Type, when set, runs one line of a solution where the learner sees it,
	// and returns when the line has ended. Without it Kubectl runs the line.
	Type func(ctx context.Context, line string) (exit int, output string, err error)
	// Namespace, when set, makes kubectl work in a namespace unless told otherwise.
	Namespace func(name string) error
	// Control stops and starts nodes and components. Without it, lessons that
	// do so say that they can't.
	Control Control
	// Shared says that others play in the cluster at the same time: its controllers do not
	// rest then so that something can be brought back.
	Shared bool
	// WorkDir is where the lesson's manifests are put and kubectl runs.
	WorkDir string
	// Progress remembers how far the learner got. Nil remembers nothing.
	Progress *Progress
	// Clock is the real one when nil.
	Clock clock.Clock

	// run stands in for Kubectl in tests, and hurry for patience with solutions.
	run   func(ctx context.Context, line string) (exit int, output string, err error)
	hurry time.Duration
}

// Control is how the cluster itself is commanded, beside its API.
type Control interface {
	Node(ctx context.Context, name, action string) error
	Component(ctx context.Context, name, action string) error
	// Watch tells the state of each node and component, and each change.
	Watch(ctx context.Context, f func(component.Info)) error
}

// Player plays one lesson.
type Player struct {
	env    Env
	client dynamic.Interface

	ops     chan func()
	updates chan Snapshot
	changes chan change
	started chan struct{}
	done    chan struct{}

	// What follows belongs to Run's goroutine. The lesson changes only when it is begun
	// again, by the one who works in the background.
	lesson  *lessons.Lesson
	watched map[schema.GroupVersionResource]bool
	store   *store
	eval    *lessons.Eval
	record  *Record
	step    int
	state   stepState
	synced  bool
	begun   bool
	busy    string
	frozen  bool
	notice  string
	// news is what was met in free play, and open the states of its other challenges.
	news    string
	open    map[int]stepState
	waiters []*waiter
	before  map[objectKey]bool
	timer   clock.Timer
	probing context.CancelFunc
	// counted is until when the time spent is counted.
	counted time.Time
	// marked is the name of the state at the start of the step; "" if it is not kept.
	marked string
	// parting is whether the lesson is finished and its traces are being removed.
	parting bool
	// confined is whether all that the lesson does is in its own namespace.
	confined bool
	ctx      context.Context
}

func (e Env) clock() clock.Clock {
	if e.Clock == nil {
		return clock.RealClock{}
	}
	return e.Clock
}

// New returns a player for a lesson. Run plays it.
func New(lesson *lessons.Lesson, env Env) (*Player, error) {
	env.Clock = env.clock()
	if env.Config != nil {
		// What a lesson prepares is no change of the learner's.
		env.Config = rest.CopyConfig(env.Config)
		env.Config.UserAgent = rewind.OwnAgent
	}
	client := env.Client
	if client == nil {
		if env.Config == nil {
			return nil, errors.New("player without a cluster: neither config nor client")
		}
		var err error
		if client, err = dynamic.NewForConfig(env.Config); err != nil {
			return nil, fmt.Errorf("cluster client of the lesson: %w", err)
		}
	}
	p := &Player{
		env: env, client: client, open: map[int]stepState{}, watched: map[schema.GroupVersionResource]bool{},
		ops: make(chan func(), 64), updates: make(chan Snapshot, 1), changes: make(chan change),
		started: make(chan struct{}), done: make(chan struct{}), store: newStore(),
	}
	record := env.Progress.Lesson(lesson.ID)
	varied, err := attempt(lesson, &record)
	if err != nil {
		return nil, err
	}
	eval, err := lessons.NewEval(varied, p.store)
	if err != nil {
		return nil, fmt.Errorf("expressions of lesson %s: %w", lesson.ID, err)
	}
	p.lesson, p.eval, p.record, p.confined = varied, eval, &record, varied.Confined()
	return p, nil
}

// Updates delivers the newest snapshot whenever something changed. A slow
// reader misses those in between. It is closed when Run returns.
func (p *Player) Updates() <-chan Snapshot { return p.updates }

// Started is closed when Run has begun and the first snapshot is there.
func (p *Player) Started() <-chan struct{} { return p.started }

// Run plays until the context ends, and until a finished lesson's traces are removed: who goes on
// to another one at once shall not leave them behind. It returns an error only when it could not
// begin.
func (p *Player) Run(outer context.Context) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(outer))
	defer close(p.updates)
	defer close(p.done)
	defer cancel()
	p.ctx = ctx
	p.resume()
	if err := p.placeFiles(false); err != nil {
		return err
	}
	p.timer = p.env.Clock.NewTimer(time.Hour)
	if p.begun {
		p.useNamespace(p.lesson.Space())
	}
	defer p.useNamespace("default")
	go p.watchComponents(ctx)
	go p.followScheduler(ctx)
	defer func() { p.timer.Stop() }()
	p.watchMore()
	p.evaluate()
	close(p.started)
	left := outer.Done()
	for {
		select {
		case <-left:
			left = nil
		case c := <-p.changes:
			p.store.apply(c)
			if !p.synced && p.store.synced(p.watched) {
				p.synced = true
				p.begin()
			}
		case op := <-p.ops:
			op()
		case <-p.timer.C():
		}
		if len(p.watched) == 0 && !p.synced {
			p.synced = true
			p.begin()
		}
		if left == nil && !p.parting {
			p.save()
			return nil
		}
		p.evaluate()
	}
}

// do hands work to Run's goroutine.
func (p *Player) do(op func()) {
	select {
	case p.ops <- op:
	case <-p.done:
	}
}

// resume takes up the lesson where the record says.
func (p *Player) resume() {
	p.step = -1
	clear(p.open)
	if !p.record.Finished.IsZero() {
		p.step = len(p.lesson.Steps)
	}
	for i, s := range p.lesson.Steps {
		if s.ID == p.record.Step && p.record.Finished.IsZero() {
			p.step = i
			p.begun = true
		}
	}
	if p.step == -1 && p.lesson.Intro == "" {
		p.step = 0
	}
	p.enter()
}

// begin prepares the cluster when the lesson is new.
func (p *Player) begin() {
	if p.begun || p.step >= len(p.lesson.Steps) {
		p.before = p.store.keys()
		if p.record.Untidy {
			p.part()
		}
		if p.begun && p.step < len(p.lesson.Steps) && p.lesson.Cluster.Clock != "" {
			// A clock is fast for a time only. Which nodes run may be the lesson's own doing.
			p.background("Setting the clock", true, p.ensureClock)
		}
		return
	}
	p.background("Preparing the cluster for the lesson", true, func(ctx context.Context) error {
		if err := p.prepare(ctx); err != nil {
			return err
		}
		p.do(p.mark)
		return nil
	})
}

// prepare brings the cluster to the lesson's start, whatever it was before.
func (p *Player) prepare(ctx context.Context) error {
	if err := p.tidy(ctx); err != nil {
		return err
	}
	err := p.wait(ctx, func() bool {
		if p.before == nil {
			p.before = p.store.keys()
		}
		p.begun = true
		return true
	})
	if err != nil {
		return err
	}
	if err := p.ensure(ctx); err != nil {
		return err
	}
	if p.lesson.Base != nil {
		err = p.fromBase(ctx)
	} else {
		err = p.makeNamespace(ctx)
	}
	if err != nil {
		return err
	}
	return p.act(ctx, p.lesson.Setup)
}

// finish ends the lesson, and tidies up behind it.
func (p *Player) finish() {
	p.count()
	p.step = len(p.lesson.Steps)
	p.record.Finished, p.record.Untidy = p.env.Clock.Now(), true
	p.save()
	p.part()
}

// part removes the lesson's traces. What is left when the program ends meanwhile is removed when the lesson is
// opened again.
func (p *Player) part() {
	p.parting = true
	p.background("Tidying up", true, func(ctx context.Context) error {
		err := p.leave(ctx)
		p.do(func() {
			p.parting, p.record.Untidy = false, err != nil
			p.save()
		})
		return err
	})
}

// expire ends an exam whose time is up. It returns when to look again; 0 for never.
func (p *Player) expire() time.Duration {
	if p.lesson.Kind != lessons.Exam || p.current() == nil || p.record.Started.IsZero() || p.busy != "" {
		return 0
	}
	left := p.record.Started.Add(p.lesson.Limit).Sub(p.env.Clock.Now())
	if left <= 0 {
		p.finish()
		p.enter()
		p.notice = "The time is up."
	}
	return max(0, left)
}

// current is the step being played; nil in the introduction and at the end.
func (p *Player) current() *lessons.Step {
	if p.step < 0 || p.step >= len(p.lesson.Steps) {
		return nil
	}
	return &p.lesson.Steps[p.step]
}

// enter makes the state for the step that begins or is taken up again.
func (p *Player) enter() {
	if !p.free() {
		p.store.commands, p.store.looks = nil, nil
	}
	p.startProbes()
	p.state = stepState{record: &StepRecord{}, done: p.current() == nil}
	step := p.current()
	if step == nil {
		return
	}
	if p.record.Started.IsZero() {
		p.record.Started = p.env.Clock.Now()
	}
	p.record.Step = step.ID
	p.state = p.stateOf(step)
	p.store.attempted = p.state.record.Attempts
	if _, ok := p.open[p.step]; ok {
		p.state = p.open[p.step]
		delete(p.open, p.step)
	}
	p.save()
}

// stateOf is the state of a step as the record remembers it.
func (p *Player) stateOf(step *lessons.Step) stepState {
	record := p.record.step(step.ID)
	state := stepState{record: record, done: record.Done, checks: make([]checkState, len(step.Checks))}
	for i, c := range step.Checks {
		state.checks[i].edge = slices.Contains(record.Edges, c.Name)
		state.checks[i].baseline = slices.Contains(record.Baselines, c.Name)
	}
	return state
}

// pauseLimit is how long nothing may happen in a lesson until it counts as a pause.
const pauseLimit = 10 * time.Minute

// count adds to the time spent what has passed since it was counted last.
func (p *Player) count() {
	now := p.env.Clock.Now()
	if p.current() != nil && !p.counted.IsZero() {
		p.record.Spent += min(now.Sub(p.counted), pauseLimit)
	}
	p.counted = now
}

// save keeps the record; a progress file that cannot be written is said once
// and does not stop the lesson.
func (p *Player) save() {
	p.count()
	if err := p.env.Progress.save(p.lesson.ID, p.record); err != nil {
		p.notice = fmt.Sprintf("Your progress cannot be saved: %v", err)
	}
}
