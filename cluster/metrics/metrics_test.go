package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// lives is a server each of whose lives is one of the given functions.
func lives(of ...func(stop <-chan struct{}) error) *Server {
	s := New(Config{})
	s.launch = func(context.Context) (func(<-chan struct{}) error, error) {
		if len(of) == 0 {
			return nil, errors.New("no life is left")
		}
		run := of[0]
		of = of[1:]
		return run, nil
	}
	return s
}

func start(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func awaitEnd(t *testing.T, s *Server) {
	t.Helper()
	select {
	case <-s.Exited():
	case <-time.After(time.Minute):
		t.Fatal("the server does not end")
	}
}

// TestServerThatEndedByItselfStartsAgain proves that neither an end nor a panic is taken for a
// server that runs.
func TestServerThatEndedByItselfStartsAgain(t *testing.T) {
	var began <-chan struct{}
	s := lives(
		func(stop <-chan struct{}) error { began = stop; return nil },
		func(<-chan struct{}) error { return errors.New("lost its certificate") },
		func(<-chan struct{}) error { panic("lost its head") },
		func(stop <-chan struct{}) error { <-stop; return nil },
	)
	for _, want := range []string{"", "lost its certificate", "panic: lost its head"} {
		start(t, s)
		awaitEnd(t, s)
		if err := s.Err(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the server ended with %v, want %q", err, want)
		}
	}
	select {
	case <-began:
	default:
		t.Error("what a server began goes on when that ended by itself")
	}
	// The second start finds one that runs.
	start(t, s)
	start(t, s)
	if err := s.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	awaitEnd(t, s)
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no life is left") {
		t.Errorf("after a stop, a start: %v", err)
	}
}

// TestStopWaits proves that also the second stop waits until nothing is left.
func TestStopWaits(t *testing.T) {
	may := make(chan struct{})
	s := lives(func(<-chan struct{}) error { <-may; return nil })
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop of what was never started: %v", err)
	}
	start(t, s)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := s.Stop(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("a stop that is not waited for: %v", err)
		}
	}
	close(may)
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	awaitEnd(t, s)
}
