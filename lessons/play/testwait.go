package play

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kubarium/lessons"
)

// preparation is how long tidying up and setting up may take by their own limits, those of the
// namespace that goes and of the one that comes among them.
func (t *tester) preparation() time.Duration {
	limit := 2*spacePatience + patience
	for _, a := range append(slices.Clone(t.lesson.Cleanup), t.lesson.Setup...) {
		limit += max(a.Within, patience)
	}
	return limit
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
