package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// lives is a component each of whose lives is one of the given functions.
func lives(of ...func(ctx context.Context) error) *Lifecycle {
	return New(Spec{
		Name: "mayfly",
		Launch: func(context.Context) (func(context.Context) error, error) {
			if len(of) == 0 {
				return nil, errors.New("no life is left")
			}
			run := of[0]
			of = of[1:]
			return run, nil
		},
		Ready:  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		Health: func(context.Context) error { return nil },
	})
}

func start(t *testing.T, l *Lifecycle) {
	t.Helper()
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func awaitEnd(t *testing.T, l *Lifecycle) {
	t.Helper()
	select {
	case <-l.Exited():
	case <-time.After(time.Minute):
		t.Fatal("the component does not end")
	}
}

// TestComponentThatEndedByItselfStartsAgain proves that neither an end nor a panic is taken for a
// component that runs.
func TestComponentThatEndedByItselfStartsAgain(t *testing.T) {
	var began <-chan struct{}
	l := lives(
		func(ctx context.Context) error { began = ctx.Done(); return nil },
		func(context.Context) error { return errors.New("lost its certificate") },
		func(context.Context) error { panic("lost its head") },
		func(ctx context.Context) error { <-ctx.Done(); return nil },
	)
	for _, want := range []string{"", "lost its certificate", "panic: lost its head"} {
		start(t, l)
		awaitEnd(t, l)
		if err := l.Err(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the component ended with %v, want %q", err, want)
		}
	}
	select {
	case <-began:
	default:
		t.Error("what a component began goes on when that ended by itself")
	}
	// The second start finds one that runs.
	start(t, l)
	start(t, l)
	if err := l.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	awaitEnd(t, l)
	if err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no life is left") {
		t.Errorf("after a stop, a start: %v", err)
	}
}

// TestStopWaits proves that also the second stop waits until nothing is left.
func TestStopWaits(t *testing.T) {
	may := make(chan struct{})
	l := lives(func(context.Context) error { <-may; return nil })
	if err := l.Stop(t.Context()); err != nil {
		t.Errorf("stop of what was never started: %v", err)
	}
	start(t, l)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := l.Stop(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("a stop that is not waited for: %v", err)
		}
	}
	close(may)
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	awaitEnd(t, l)
}

// TestStartWaitsForTheFormer proves that a start is not taken for done because something is left
// of a component that was told to end.
func TestStartWaitsForTheFormer(t *testing.T) {
	may, began := make(chan struct{}), make(chan struct{})
	l := lives(
		func(context.Context) error { <-may; return nil },
		func(ctx context.Context) error { close(began); <-ctx.Done(); return nil },
	)
	start(t, l)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop that is not waited for: %v", err)
	}
	if err := l.Start(ended); !errors.Is(err, context.Canceled) || !l.Running() {
		t.Errorf("a start that is not waited for: %v", err)
	}
	close(may)
	start(t, l)
	<-began
	if err := l.Stop(t.Context()); err != nil || l.Running() {
		t.Errorf("stop: %v", err)
	}
}

// TestCrashTellsItsReason proves that a crash hangs up, ends the component, and is why it ended.
func TestCrashTellsItsReason(t *testing.T) {
	var hungUp bool
	l := lives(func(ctx context.Context) error { <-ctx.Done(); return errors.New("was told to") })
	l.spec.HangUp = func() { hungUp = true }
	reason := errors.New("power went")
	if err := l.Crash(t.Context(), reason); err == nil {
		t.Error("what does not run can crash")
	}
	start(t, l)
	if err := l.Crash(t.Context(), reason); err != nil {
		t.Error(err)
	}
	if !hungUp || !errors.Is(l.Err(), reason) || l.Running() {
		t.Errorf("after a crash: hung up %t, ended for %v, runs %t", hungUp, l.Err(), l.Running())
	}
}

// TestReadyEndsWithTheComponent proves that nobody waits for a component that has ended.
func TestReadyEndsWithTheComponent(t *testing.T) {
	l := lives(func(context.Context) error { return errors.New("no such flag") })
	if err := l.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "is not started") {
		t.Errorf("ready before the start: %v", err)
	}
	start(t, l)
	if err := l.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "mayfly ended while it started: no such flag") {
		t.Errorf("ready of what ends: %v", err)
	}
	if err := l.Health(t.Context()); err == nil {
		t.Error("what has ended is healthy")
	}
}
