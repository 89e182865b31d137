package play

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- player.Run(ctx) }()
	t := &tester{how: how, tidying: tell.tidying, player: player, lesson: lesson, out: out, result: Result{Lesson: lesson.ID, Title: lesson.Title, Values: lesson.Choice.String(), Steps: len(lesson.Steps)}}
	start := time.Now()
	t.since = start
	fmt.Fprintf(out, "%s: %s\n", lesson.ID, lesson.Title)
	if lesson.Varies() {
		fmt.Fprintf(out, "  with  %s\n", lesson.Choice)
	}
	t.play(ctx)
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
	t.end(ctx)
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

// preparation is how long tidying up and setting up may take by their own limits, those of the
// namespace that goes and of the one that comes among them.
func (t *tester) preparation() time.Duration {
	limit := 2*spacePatience + patience
	for _, a := range append(slices.Clone(t.lesson.Cleanup), t.lesson.Setup...) {
		limit += max(a.Within, patience)
	}
	return limit
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

// look waits until each probe of the step has answered: before that, what asks them is false
// whatever the cluster is like, and nothing is proven by it.
func (t *tester) look(ctx context.Context, step *lessons.Step) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := t.player.wait(waiting, func() bool {
		for _, probe := range t.player.lesson.Probes {
			if t.player.probing != nil && t.player.env.Config != nil && t.player.lesson.Looks(step, probe.Name) && t.player.store.probes[probe.Name].Asked == 0 {
				return false
			}
		}
		return true
	})
	if err != nil {
		t.problem(step.ID, fmt.Sprintf("its probes do not answer in %s", words(patience)))
		return errStuck
	}
	return t.idle(ctx, step, "looking")
}

// settling is how long what was undone may still be seen.
const settling = 10 * time.Second

// settle waits until no check is true: what a reset deleted may be seen a moment longer, and the
// answer of a probe may be from before. What stays true is for unmet to note.
func (t *tester) settle(ctx context.Context) {
	waiting, stop := context.WithTimeout(ctx, cmp.Or(t.player.env.hurry, settling))
	defer stop()
	seen := func(c CheckState) bool { return c.Mode != lessons.Invariant && (c.Met || c.Holding) }
	for slices.ContainsFunc(t.last.Checks, seen) {
		select {
		case s, ok := <-t.player.Updates():
			if !ok {
				return
			}
			t.last = s
		case <-waiting.Done():
			return
		}
	}
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

// idle waits until the player has begun and ended what it was asked to do.
func (t *tester) idle(ctx context.Context, step *lessons.Step, what string) error {
	// A reset prepares the lesson anew and plays the steps before.
	limit := t.preparation() + time.Duration(1+t.last.Step)*patience
	for _, c := range step.Checks {
		limit += c.For + c.Within
	}
	// A question to the loop comes after the work was begun.
	begun := make(chan struct{})
	t.player.do(func() { close(begun) })
	select {
	case <-begun:
	case <-t.player.done:
		return errStuck
	}
	if err := t.until(ctx, limit, what+" to end", func(s Snapshot) bool { return s.Busy == "" }); err != nil {
		return err
	}
	if t.last.Notice != "" {
		t.problem(step.ID, fmt.Sprintf("%s: %s", what, t.last.Notice))
		return errStuck
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

// until reads snapshots up to one that fits.
func (t *tester) until(ctx context.Context, limit time.Duration, what string, fits func(Snapshot) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// What is there now may already fit; the loop answers with a new snapshot.
	go t.player.do(func() {})
	for {
		select {
		case s, ok := <-t.player.Updates():
			if !ok {
				t.problem(what, "the player ended")
				return errStuck
			}
			t.last = s
			if fits(s) {
				return nil
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				t.problem("player", "the test was ended while it waited for "+what)
				return errStuck
			}
			t.problem("player", fmt.Sprintf("waited %s for %s%s", limit, what, t.unmetSentences()))
			return errStuck
		}
	}
}

func (t *tester) unmetSentences() string {
	text := ""
	for _, c := range t.last.Checks {
		if !c.Met {
			text += fmt.Sprintf("; %s: %s", c.Name, c.Say)
			if c.Err != nil {
				text += fmt.Sprintf(" (%v)", c.Err)
			}
		}
	}
	return text
}

func (t *tester) problem(where, what string) {
	t.result.Problems = append(t.result.Problems, where+": "+what)
	fmt.Fprintf(t.out, "  FAIL  %s: %s\n", where, what)
}

// concerns reports whether an object can be this lesson's: others may be
// played at the same time, and the cluster has business of its own.
func (p *Player) concerns(k objectKey) bool {
	switch {
	case k.namespace == "kube-system" || k.namespace == "kube-node-lease":
		return false
	case k.resource == core("namespaces"):
		return k.name == p.lesson.Namespace
	case p.lesson.Alone:
		return true
	}
	return k.namespace == p.lesson.Space()
}

// leftovers names what is in the cluster now and was not before the lesson.
func (p *Player) leftovers() []string {
	var names []string
	for k := range p.store.keys() {
		if !p.before[k] && p.concerns(k) {
			names = append(names, strings.TrimPrefix(k.namespace+"/", "/")+k.resource.Resource+"/"+k.name)
		}
	}
	sort.Strings(names)
	return names
}
