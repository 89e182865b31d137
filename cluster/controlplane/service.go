// Package controlplane runs etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler inside this process, each of which can be stopped and started
// while the others run. DESIGN.md tells how, and around which upstream globals.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kubarium/cluster/component"
	"kubarium/cluster/guard"
	"kubarium/cluster/logs"
)

// service gives a component its life: it holds what runs between Start and Stop.
type service struct {
	name string
	// launch builds the component; what it returns runs until its context ends,
	// and returns when nothing of the component is left.
	launch func(ctx context.Context) (run func(context.Context) error, err error)
	ready  func(ctx context.Context) error
	health func(ctx context.Context) error

	mu     sync.Mutex
	cancel context.CancelFunc
	exited chan struct{}
	err    error
	// crashed is why Crash ended it.
	crashed error
	// hangUp, if there is one, breaks the component's connections.
	hangUp func()
}

var _ component.Component = (*service)(nil)

// Name returns the component's upstream name.
func (s *service) Name() string { return s.name }

// Start builds the component and lets it run.
func (s *service) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() {
		return nil
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var run func(context.Context) error
	var err error
	logs.As(life, s.name, func(life context.Context) {
		run, err = s.launchSafely(life)
		if err != nil {
			return
		}
		exited := make(chan struct{})
		s.cancel, s.exited, s.err, s.crashed = cancel, exited, nil, nil
		go func() {
			defer close(exited)
			err := guard.Run(func() error { return run(life) })
			cancel()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.err = err; s.crashed != nil {
				s.err = s.crashed
			}
		}()
	})
	if err != nil {
		cancel()
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

// Ready waits until the component does its work; it returns at once with an error
// when the component has ended.
func (s *service) Ready(ctx context.Context) error {
	exited := s.Exited()
	if exited == nil {
		return fmt.Errorf("%s is not started", s.name)
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
	if err := s.ready(waiting); err != nil {
		if ctx.Err() == nil && waiting.Err() != nil {
			return fmt.Errorf("%s ended while it started: %w", s.name, errors.Join(s.Err(), err))
		}
		return fmt.Errorf("wait for %s: %w", s.name, err)
	}
	return nil
}

// Stop ends the component, and waits until nothing of it is left or ctx ends.
func (s *service) Stop(ctx context.Context) error {
	s.mu.Lock()
	cancel, exited := s.cancel, s.exited
	s.mu.Unlock()
	if exited == nil {
		return nil
	}
	cancel()
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", s.name, ctx.Err())
	}
}

// Crash ends the component as if it had failed, for the given reason: connections to it
// break at once. It returns when nothing of it is left.
func (s *service) Crash(ctx context.Context, reason error) error {
	s.mu.Lock()
	running, exited := s.running(), s.exited
	if running {
		s.crashed = reason
		if s.hangUp != nil {
			s.hangUp()
		}
		s.cancel()
	}
	s.mu.Unlock()
	if !running {
		return fmt.Errorf("%s is not running", s.name)
	}
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end %s: %w", s.name, ctx.Err())
	}
}

// Health asks the component itself.
func (s *service) Health(ctx context.Context) error {
	s.mu.Lock()
	running := s.running()
	s.mu.Unlock()
	if !running {
		return fmt.Errorf("%s is not running", s.name)
	}
	return s.health(ctx)
}

// Exited is closed when the component has ended, by Stop or by itself; nil before
// the first start.
func (s *service) Exited() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exited
}

// Err returns why the component ended by itself.
func (s *service) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// running reports whether the component runs; s.mu is held.
func (s *service) running() bool {
	return s.exited != nil && !component.Ended(s.exited)
}

func (s *service) launchSafely(ctx context.Context) (run func(context.Context) error, err error) {
	err = guard.Run(func() error {
		run, err = s.launch(ctx)
		return err
	})
	return run, err
}
