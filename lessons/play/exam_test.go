package play

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubarium/lessons"
)

const examText = `---
id: trial
kind: exam
title: Trial
minutes: 60
limit: 1h
pass: 3
---

Two tasks.

## One

Make one.

` + "```yaml step" + `
id: one
points: 2
domain: Pods
checks:
  - name: one is ready
    expr: ready(pod("one"))
    saw: [{say: No.}]
solve: ["kubectl run one --image=web"]
` + "```" + `

Run it.

## Two

Make two.

` + "```yaml step" + `
id: two
points: 3
domain: Pods
checks:
  - name: two is ready
    expr: ready(pod("two"))
    saw: [{say: No.}]
solve: ["kubectl run two --image=web"]
` + "```" + `

Run it.
`

// exam is an exam being taken against the fake cluster.
type exam struct {
	t       *testing.T
	player  *Player
	cluster *fakeCluster
	clock   *clocktesting.FakeClock
}

func newExam(t *testing.T) *exam {
	lesson, err := lessons.Parse("exam.md", []byte(examText), nil)
	must(t, err)
	e := &exam{t: t, cluster: newFakeCluster(t), clock: clocktesting.NewFakeClock(time.Now())}
	e.player, err = New(lesson, Env{Client: e.cluster.client, Clock: e.clock})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	e.cluster.watched(lesson)
	return e
}

func (e *exam) until(fits func(Snapshot) bool) Snapshot {
	e.t.Helper()
	late := time.After(time.Minute)
	go e.player.do(func() {})
	var last Snapshot
	for {
		select {
		case last = <-e.player.Updates():
			if fits(last) {
				return last
			}
		case <-late:
			e.t.Fatalf("waited in vain: step %d, done %t, busy %q, %q", last.Step, last.StepDone, last.Busy, last.Notice)
		}
	}
}

// untilSeen waits until the player knows a pod.
func (e *exam) untilSeen(name string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	if e.player.wait(ctx, func() bool { return e.player.store.Object(podsGVR, "default", name) != nil }) != nil {
		e.t.Fatalf("the player does not see the pod %s", name)
	}
}

func TestExamTasksCanBeLeftAndTakenUpAgain(t *testing.T) {
	e := newExam(t)
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Step == 0 })
	e.player.Next()
	s := e.until(func(s Snapshot) bool { return s.Step == 1 })
	if s.NextCommand != "" {
		t.Errorf("the exam gives the command away: %s", s.NextCommand)
	}
	must(t, e.cluster.create(t.Context(), pod("two", "web")))
	e.until(func(s Snapshot) bool { return s.StepDone })
	e.player.Previous()
	s = e.until(func(s Snapshot) bool { return s.Step == 0 })
	if s.StepDone || s.Points != 3 || s.Domains[0] != (DomainScore{"Pods", 3, 5}) {
		t.Errorf("done %t, %d points, %v", s.StepDone, s.Points, s.Domains)
	}
	e.player.Next()
	s = e.until(func(s Snapshot) bool { return s.Step == 1 })
	if !s.StepDone {
		t.Error("a task that was done is to be done again")
	}
	e.player.Next()
	s = e.until(func(s Snapshot) bool { return s.Finished && s.Busy == "" })
	if s.Points != 3 || s.Steps[0] == Done || s.Steps[1] != Done {
		t.Errorf("%d points, %v", s.Points, s.Steps)
	}
}

func TestExamEndsWhenItsTimeIsUp(t *testing.T) {
	e := newExam(t)
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Step == 0 })
	e.clock.Step(59 * time.Minute)
	if s := e.until(func(s Snapshot) bool { return s.Busy == "" }); s.Finished {
		t.Fatal("it ended before its time")
	}
	e.clock.Step(time.Minute)
	e.until(func(s Snapshot) bool { return s.Finished })
	must(t, e.cluster.create(t.Context(), pod("one", "web")))
	if s := e.until(func(s Snapshot) bool { return s.Busy == "" }); s.Points != 0 || s.Step != 2 {
		t.Errorf("%d points after the end, at step %d", s.Points, s.Step)
	}
}

// TestLeavingWhileTidying proves that a finished lesson's traces are removed though nobody waits for it, and that what a
// program that ended meanwhile left is removed when the lesson is opened again.
func TestLeavingWhileTidying(t *testing.T) {
	text := strings.Replace(examText, "title: Trial\n", "title: Trial\ncleanup:\n  - kubectl: delete pod trace\n", 1)
	lesson, err := lessons.Parse("exam.md", []byte(text), nil)
	must(t, err)
	progress, err := OpenProgress(filepath.Join(t.TempDir(), "progress.json"))
	must(t, err)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var times atomic.Int32
	env := Env{Client: newFakeCluster(t).client, Clock: clocktesting.NewFakeClock(time.Now()), Progress: progress, run: func(ctx context.Context, _ string) (int, string, error) {
		// The first is before the lesson.
		if times.Add(1) == 2 {
			close(begun)
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return 0, "", ctx.Err()
	}}
	play := func(ctx context.Context) (*Player, chan struct{}) {
		player, err := New(lesson, env)
		must(t, err)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = player.Run(ctx)
		}()
		return player, ended
	}
	ctx, leave := context.WithCancel(t.Context())
	player, ended := play(ctx)
	for s := range player.Updates() {
		if s.Ready && s.Busy == "" && !s.Finished {
			player.Next()
		}
		if s.Finished {
			break
		}
	}
	<-begun
	leave()
	if !progress.Lesson("trial").Untidy {
		t.Error("it is not remembered that there is something to remove")
	}
	select {
	case <-ended:
		t.Error("the player ended before the traces were removed")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	<-ended
	if progress.Lesson("trial").Untidy || times.Load() != 2 {
		t.Errorf("untidy after %d cleanups", times.Load())
	}

	record := progress.Lesson("trial")
	record.Untidy = true
	must(t, progress.save("trial", &record))
	ctx, leave = context.WithCancel(t.Context())
	player, ended = play(ctx)
	for s := range player.Updates() {
		if s.Ready && s.Busy == "" && times.Load() == 3 {
			break
		}
	}
	leave()
	<-ended
	if progress.Lesson("trial").Untidy {
		t.Error("what was left behind is still there")
	}
}
