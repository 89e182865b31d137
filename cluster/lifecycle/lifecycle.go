// Package lifecycle runs a component of this process between its start and its stop, and knows
// why it ended where nobody stopped it.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kubarium/cluster/component"
	"kubarium/cluster/guard"
	"kubarium/cluster/logs"
)

// Spec says what a component is. Launch and HangUp are not called at once.
type Spec struct {
	// Name is the component's upstream name.
	Name string
	// Launch builds the component; what it returns runs until its context ends,
	// and returns when nothing of the component is left.
	Launch func(ctx context.Context) (run func(context.Context) error, err error)
	// Ready waits until what was launched does its work, or ctx ends.
	Ready func(ctx context.Context) error
	// Health asks the component itself.
	Health func(ctx context.Context) error
	// HangUp, if there is one, breaks the component's connections.
	HangUp func()
}

// Lifecycle is a component that runs in this process, again and again.
type Lifecycle struct {
	spec Spec

	mu sync.Mutex
	// cancel and exited are of the last start; nil before the first.
	cancel context.CancelFunc
	exited chan struct{}
	// ending is that it was told to end.
	ending bool
	err    error
	// crashed is why Crash ended it.
	crashed error
}

var _ component.Component = (*Lifecycle)(nil)

// New returns a component that is not started.
func New(spec Spec) *Lifecycle { return &Lifecycle{spec: spec} }

// Name returns the component's upstream name.
func (l *Lifecycle) Name() string { return l.spec.Name }

// Start builds the component and lets it run, unless it does. One that was told to end is waited
// for.
func (l *Lifecycle) Start(ctx context.Context) error {
	if err := l.awaitFormer(ctx); err != nil {
		return fmt.Errorf("start %s: the former one has not ended: %w", l.spec.Name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running() {
		return nil
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var run func(context.Context) error
	var err error
	logs.As(life, l.spec.Name, func(life context.Context) {
		run, err = l.launchSafely(life)
		if err != nil {
			return
		}
		exited := make(chan struct{})
		l.cancel, l.exited, l.ending, l.err, l.crashed = cancel, exited, false, nil, nil
		go func() {
			defer close(exited)
			err := guard.Run(func() error { return run(life) })
			cancel()
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.err = err; l.crashed != nil {
				l.err = l.crashed
			}
		}()
	})
	if err != nil {
		cancel()
		return fmt.Errorf("start %s: %w", l.spec.Name, err)
	}
	return nil
}

func (l *Lifecycle) awaitFormer(ctx context.Context) error {
	l.mu.Lock()
	exited, ending := l.exited, l.ending
	l.mu.Unlock()
	if !ending {
		return nil
	}
	return await(ctx, exited)
}

// await waits for the end of a life, or of ctx.
func await(ctx context.Context, exited <-chan struct{}) error {
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ready waits until the component does its work; it returns at once with an error
// when the component has ended.
func (l *Lifecycle) Ready(ctx context.Context) error {
	exited := l.Exited()
	if exited == nil {
		return fmt.Errorf("%s is not started", l.spec.Name)
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-exited:
			cancel()
		case <-waiting.Done():
		}
	}()
	if err := l.spec.Ready(waiting); err != nil {
		if ctx.Err() == nil && waiting.Err() != nil {
			return fmt.Errorf("%s ended while it started: %w", l.spec.Name, errors.Join(l.Err(), err))
		}
		return fmt.Errorf("wait for %s: %w", l.spec.Name, err)
	}
	return nil
}

// Stop ends the component, and waits until nothing of it is left or ctx ends.
func (l *Lifecycle) Stop(ctx context.Context) error {
	l.mu.Lock()
	cancel, exited := l.cancel, l.exited
	l.ending = exited != nil
	l.mu.Unlock()
	if exited == nil {
		return nil
	}
	cancel()
	if err := await(ctx, exited); err != nil {
		return fmt.Errorf("stop %s: %w", l.spec.Name, err)
	}
	return nil
}

// Crash ends the component as if it had failed, for the given reason: connections to it
// break at once. It returns when nothing of it is left.
func (l *Lifecycle) Crash(ctx context.Context, reason error) error {
	l.mu.Lock()
	running, exited := l.running(), l.exited
	if running {
		l.crashed, l.ending = reason, true
		if l.spec.HangUp != nil {
			l.spec.HangUp()
		}
		l.cancel()
	}
	l.mu.Unlock()
	if !running {
		return fmt.Errorf("%s is not running", l.spec.Name)
	}
	if err := await(ctx, exited); err != nil {
		return fmt.Errorf("end %s: %w", l.spec.Name, err)
	}
	return nil
}

// Health asks the component itself.
func (l *Lifecycle) Health(ctx context.Context) error {
	if !l.Running() {
		return fmt.Errorf("%s is not running", l.spec.Name)
	}
	return l.spec.Health(ctx)
}

// Exited is closed when the component has ended, by Stop or by itself; nil before
// the first start.
func (l *Lifecycle) Exited() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exited
}

// Err returns why the component ended by itself.
func (l *Lifecycle) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Running reports whether something of the component is there, also if it was told to stop.
func (l *Lifecycle) Running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running()
}

// running is Running where l.mu is held.
func (l *Lifecycle) running() bool {
	return l.exited != nil && !component.Ended(l.exited)
}

func (l *Lifecycle) launchSafely(ctx context.Context) (run func(context.Context) error, err error) {
	err = guard.Run(func() error {
		run, err = l.spec.Launch(ctx)
		return err
	})
	return run, err
}
