package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"kubarium/lessons"
)

// Result is what the test of one lesson found.
type Result struct {
	Lesson string `json:"lesson"`
	Title  string `json:"title"`
	// Values are those of the lesson's variables.
	Values  string  `json:"values,omitempty"`
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
	// Times are where the seconds went, in order.
	Times []Time `json:"times,omitempty"`
	// Mutated counts the steps whose solution was left out, and Noticed those of them that were not
	// done all the same.
	Mutated  int      `json:"mutated,omitempty"`
	Noticed  int      `json:"noticed,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// Time is how long one part of a test took.
type Time struct {
	// Step is the step's id; "" is the lesson as a whole.
	Step string `json:"step,omitempty"`
	// Part is set-up, idle (nothing was typed, for --mutate), solution, reset, again (the
	// solution after the reset), questions or clean-up.
	Part    string  `json:"part"`
	Seconds float64 `json:"seconds"`
}

// TestLesson plays a lesson from its own data on a live cluster. It proves
// that each check is false before its step and true after its solution, that
// reset makes it false again, that questions take their right answers only, and
// that cleanup leaves nothing behind. It tells out how far it is. The error is
// of the test itself; what it found is in the result. Files go to a folder of its own,
// and no progress is kept.
func TestLesson(ctx context.Context, lesson *lessons.Lesson, env Env, how How, out io.Writer) (Result, error) {
	return testLesson(ctx, lesson, env, how, out, notes{})
}

// notes are what a test tells while it goes on.
type notes struct {
	// placed is told where the lesson's files are, and tidying that all is played and the rest
	// is tidying up.
	placed  func(dir string)
	tidying func()
}

func testLesson(ctx context.Context, lesson *lessons.Lesson, env Env, how How, out io.Writer, tell notes) (Result, error) {
	dir, err := os.MkdirTemp("", "kubarium-lesson-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	env.WorkDir, env.Progress = dir, nil
	if lesson.Choice == nil {
		if lesson, err = lesson.With(lesson.Variants()[0]); err != nil {
			return Result{}, err
		}
	}
	if tell.placed != nil {
		tell.placed(dir)
	}
	player, err := New(lesson, env)
	if err != nil {
		return Result{}, err
	}
	// Who ends the test wants nothing left of it: the player goes on until that is so.
	playing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- player.Run(playing) }()
	t := &tester{how: how, tidying: tell.tidying, player: player, lesson: lesson, out: out, result: Result{Lesson: lesson.ID, Title: lesson.Title, Values: lesson.Choice.String(), Steps: len(lesson.Steps)}}
	start := time.Now()
	t.since = start
	fmt.Fprintf(out, "%s: %s\n", lesson.ID, lesson.Title)
	if lesson.Varies() {
		fmt.Fprintf(out, "  with  %s\n", lesson.Choice)
	}
	t.play(ctx)
	if ctx.Err() != nil {
		t.abandon(playing)
	}
	t.result.Seconds = time.Since(start).Seconds()
	cancel()
	return t.result, <-ended
}

type tester struct {
	how    How
	player *Player
	lesson *lessons.Lesson
	out    io.Writer
	result Result
	last   Snapshot
	// tidying is called when all is played.
	tidying func()
	// since is when the part began that runs.
	since time.Time
}

// took notes that a part has ended, and that the next begins.
func (t *tester) took(step, part string) {
	now := time.Now()
	t.result.Times = append(t.result.Times, Time{Step: step, Part: part, Seconds: now.Sub(t.since).Seconds()})
	t.since = now
}

// errStuck ends a lesson that cannot go on; what is wrong was noted.
var errStuck = errors.New("the lesson is stuck")

func (t *tester) play(ctx context.Context) {
	if err := t.until(ctx, t.preparation(), "the lesson to be ready", func(s Snapshot) bool { return s.Ready && s.Busy == "" }); err != nil {
		return
	}
	t.took("", "set-up")
	if t.last.Notice != "" {
		t.problem("setup", t.last.Notice)
		return
	}
	if t.last.Step < 0 {
		t.player.Next()
	}
	for i := range t.lesson.Steps {
		step := &t.lesson.Steps[i]
		err := t.until(ctx, patience, "the step to begin", func(s Snapshot) bool { return s.Step == i && s.Busy == "" })
		if err == nil {
			err = t.step(ctx, step)
		}
		if err != nil {
			break
		}
		fmt.Fprintf(t.out, "  ok    %s\n", step.ID)
		t.player.Next()
	}
	if ctx.Err() == nil {
		t.end(ctx)
	}
}

// step proves one step.
func (t *tester) step(ctx context.Context, step *lessons.Step) error {
	if err := t.look(ctx, step); err != nil {
		return err
	}
	t.unmet(step, "before the step")
	if len(step.Checks) > 0 {
		if err := t.mutate(ctx, step); err != nil {
			return err
		}
		if err := t.solve(ctx, step, "the solution"); err != nil {
			return err
		}
		t.took(step.ID, "solution")
	}
	if len(step.Checks) > 0 && (t.how.Thorough || step.Start != nil || t.last.Step == t.lastChecked()) {
		t.player.Reset()
		if err := t.idle(ctx, step, "reset"); err != nil {
			return err
		}
		if err := t.look(ctx, step); err != nil {
			return err
		}
		t.settle(ctx)
		t.took(step.ID, "reset")
		t.unmet(step, "after a reset")
		if err := t.solve(ctx, step, "the solution after a reset"); err != nil {
			return err
		}
		t.took(step.ID, "again")
	}
	defer t.took(step.ID, "questions")
	return t.quiz(ctx, step)
}

// lastChecked is the last step with checks. Where a reset replays the steps
// before it, the reset of this step proves the others.
func (t *tester) lastChecked() int {
	last := -1
	for i := range t.lesson.Steps {
		if len(t.lesson.Steps[i].Checks) > 0 {
			last = i
		}
	}
	return last
}

// mutate leaves a step's solution out, and proves that a check notices: time
// alone must not solve it.
func (t *tester) mutate(ctx context.Context, step *lessons.Step) error {
	if !t.how.Mutate {
		return nil
	}
	defer t.took(step.ID, "idle")
	idle := mutation
	for _, c := range step.Checks {
		idle = max(idle, c.For+time.Second)
	}
	select {
	case <-t.player.env.Clock.After(idle):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := t.idle(ctx, step, "doing nothing"); err != nil {
		return err
	}
	t.result.Mutated++
	for _, c := range t.last.Checks {
		if !c.Met && c.Mode != lessons.Invariant {
			t.result.Noticed++
			return nil
		}
	}
	t.problem(step.ID, fmt.Sprintf("without its solution, all checks are met after %s", words(idle)))
	return nil
}

// unmet notes checks that are met though nothing was done yet, those that are true and would be
// met if they stayed so, and those that cannot say what is missing.
func (t *tester) unmet(step *lessons.Step, when string) {
	for _, c := range t.last.Checks {
		switch {
		case c.Mode == lessons.Invariant && !c.Met:
			t.problem(step.ID, fmt.Sprintf("the invariant %q does not hold %s: %s", c.Name, when, c.Say))
		case c.Mode != lessons.Invariant && c.Met:
			t.problem(step.ID, fmt.Sprintf("the check %q is met %s", c.Name, when))
		case c.Holding:
			t.problem(step.ID, fmt.Sprintf("the check %q is true %s", c.Name, when))
		case c.Mode != lessons.Invariant && c.SayErr != nil:
			t.problem(step.ID, fmt.Sprintf("what the check %q says %s has a gap, %q: %v", c.Name, when, c.Say, c.SayErr))
		}
	}
}

// solve plays the solution and waits until all checks are met.
func (t *tester) solve(ctx context.Context, step *lessons.Step, what string) error {
	t.player.ShowMe()
	if err := t.idle(ctx, step, what); err != nil {
		return err
	}
	for _, c := range t.last.Checks {
		if !c.Met {
			t.problem(step.ID, fmt.Sprintf("the check %q is not met by %s: %s", c.Name, what, c.Say))
			return errStuck
		}
	}
	return nil
}

// quiz proves that wrong answers are not taken and the right ones are.
func (t *tester) quiz(ctx context.Context, step *lessons.Step) error {
	for q := range step.Quiz {
		right := step.Quiz[q].Right()
		wrong := (right + 1) % len(step.Quiz[q].Options)
		t.player.Answer(q, wrong)
		if err := t.until(ctx, patience, "a wrong answer to be seen", func(s Snapshot) bool { return len(s.Questions[q].Tried) == 1 }); err != nil {
			return err
		}
		if t.last.Questions[q].Right || t.last.StepDone {
			t.problem(step.ID, fmt.Sprintf("question %d takes a wrong answer", q+1))
		}
		t.player.Answer(q, right)
		if err := t.until(ctx, patience, "the right answer to be taken", func(s Snapshot) bool { return s.Questions[q].Right }); err != nil {
			return err
		}
	}
	return t.until(ctx, patience, "the step to be done", func(s Snapshot) bool { return s.StepDone })
}

// end proves that nothing is left behind, also of a lesson that got stuck.
func (t *tester) end(ctx context.Context) {
	defer t.took("", "clean-up")
	if t.tidying != nil {
		t.tidying()
	}
	left := make(chan []string, 1)
	finished := t.last.Finished
	if len(t.result.Problems) == 0 {
		err := t.until(ctx, t.preparation(), "the end of the lesson", func(s Snapshot) bool { return s.Finished && s.Busy == "" })
		if err == nil && t.last.Notice != "" {
			t.problem("cleanup", t.last.Notice)
		}
		finished = true
	}
	if !finished {
		if err := t.player.leave(ctx); err != nil {
			t.problem("cleanup", err.Error())
		}
	}
	// What a command has deleted may be seen a moment longer.
	waiting, stop := context.WithTimeout(ctx, podsPause)
	defer stop()
	_ = t.player.wait(waiting, func() bool { return len(t.player.leftovers()) == 0 })
	t.player.do(func() { left <- t.player.leftovers() })
	select {
	case names := <-left:
		if len(names) > 0 {
			t.problem("cleanup", "leaves behind "+strings.Join(names, ", "))
		}
	case <-t.player.done:
	}
}

// abandon undoes what was done until the test was ended.
func (t *tester) abandon(ctx context.Context) {
	defer t.took("", "clean-up")
	if err := t.until(ctx, t.preparation(), "what was begun", func(s Snapshot) bool { return s.Busy == "" }); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.preparation())
	defer cancel()
	if err := t.player.leave(ctx); err != nil {
		t.problem("cleanup", err.Error())
	}
}

func (t *tester) problem(where, what string) {
	t.result.Problems = append(t.result.Problems, where+": "+what)
	fmt.Fprintf(t.out, "  FAIL  %s: %s\n", where, what)
}
