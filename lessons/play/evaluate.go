package play

import (
	"fmt"
	"slices"
	"time"

	"kubarium/lessons"
)

// stepState is what the player knows of the step being played.
type stepState struct {
	record      *StepRecord
	checks      []checkState
	done        bool
	lastCommand time.Time
	shown       []lessons.Command
	remark      string
}

type checkState struct {
	now      bool
	edge     bool
	baseline bool
	since    time.Time
	met      bool
	err      error
}

// waiter is a condition that some action waits for.
type waiter struct {
	cond func() bool
	met  chan struct{}
}

// evaluate looks at all conditions after something changed, and publishes
// what came of it.
func (p *Player) evaluate() {
	var next time.Duration
	if p.synced && !p.frozen {
		next = p.checks()
	}
	if left := p.expire(); left > 0 && (next == 0 || left < next) {
		next = left
	}
	for i := 0; i < len(p.waiters); i++ {
		if w := p.waiters[i]; w.cond() {
			close(w.met)
			p.waiters = slices.Delete(p.waiters, i, i+1)
			i--
		}
	}
	p.timer.Stop()
	if next > 0 {
		p.timer = p.env.Clock.NewTimer(next)
	}
	p.publish()
}

// checks evaluates the current step, and in free play all of them. It returns when to look
// again though nothing changes: the only timer there is.
func (p *Player) checks() (next time.Duration) {
	if p.current() != nil && p.free() {
		next = p.challenges()
	}
	step := p.current()
	if step == nil || p.state.done {
		return next
	}
	if wake := p.stepChecks(step); wake > 0 && (next == 0 || wake < next) {
		next = wake
	}
	if p.state.done && p.free() {
		p.news = fmt.Sprintf("Challenge met: %s.", step.Title)
	}
	return next
}

// stepChecks evaluates the step that the player's state is of.
func (p *Player) stepChecks(step *lessons.Step) (next time.Duration) {
	all := true
	for i := range step.Checks {
		wake := p.check(&step.Checks[i], &p.state.checks[i])
		if wake > 0 && (next == 0 || wake < next) {
			next = wake
		}
		all = all && p.state.checks[i].met
	}
	for q := range step.Quiz {
		all = all && p.answered(step, q)
	}
	if all {
		p.state.done, p.state.record.Done = true, true
		p.save()
	}
	return next
}

func (p *Player) check(c *lessons.Check, s *checkState) (wake time.Duration) {
	now := p.env.Clock.Now()
	if !c.Baseline.IsZero() && !s.baseline {
		s.baseline, _ = p.eval.Bool(c.Baseline)
		if s.baseline {
			p.state.record.Baselines = append(p.state.record.Baselines, c.Name)
			p.save()
		}
	}
	s.now, s.err = p.eval.Bool(c.Expr)
	holds := s.now && (c.Baseline.IsZero() || s.baseline)
	switch {
	case !holds:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = now
	}
	switch c.Mode {
	case lessons.Edge:
		if holds && !s.edge {
			s.edge = true
			p.state.record.Edges = append(p.state.record.Edges, c.Name)
			p.save()
		}
		s.met = s.edge
	default:
		s.met = holds && p.seen(c, now).Sub(s.since) >= c.For
		if left := c.For - now.Sub(s.since); holds && left > 0 {
			return left
		}
	}
	if !s.met && c.Within > 0 && !p.state.lastCommand.IsZero() {
		if left := c.Within - now.Sub(p.state.lastCommand); left > 0 {
			return left
		}
	}
	return 0
}

// seen is up to when it is known that a check with a For holds: what probes found may have changed
// since. One of them that waits for an answer until its limit is silent for longer than most Fors.
func (p *Player) seen(c *lessons.Check, now time.Time) time.Time {
	if c.For == 0 {
		return now
	}
	seen := now
	for _, probe := range p.lesson.Probes {
		if at := p.store.probes[probe.Name].At; at.Before(seen) && p.lesson.AsksProbe(c.Expr, probe.Name) {
			seen = at
		}
	}
	return seen
}

// sentence says what a check that is not met saw and what is missing. The error is of what
// could not be evaluated in it, for authors.
func (p *Player) sentence(c *lessons.Check, s *checkState) (string, error) {
	if s.now && !c.Baseline.IsZero() && !s.baseline {
		return p.neverOtherwise(c)
	}
	if s.now && c.For > 0 && !s.since.IsZero() {
		return fmt.Sprintf("True now. It must stay so for %s without a break.", words(c.For)), nil
	}
	text, gaps := "", error(nil)
	for _, say := range c.Saw {
		if say.When.IsZero() || p.fits(say) {
			text, gaps = p.eval.Sentence(say.Say)
			break
		}
	}
	if p.late(c, s) {
		text += fmt.Sprintf(" (This normally takes less than %s.)", words(c.Within))
	}
	return text, gaps
}

// neverOtherwise is the sentence for a check that is true, but was not otherwise before. What must
// be gone and come back says itself what is missing; the last of its sentences speaks of what is not true.
func (p *Player) neverOtherwise(c *lessons.Check) (string, error) {
	for _, say := range c.Saw {
		if p.fits(say) {
			return p.eval.Sentence(say.Say)
		}
	}
	return "So far this is true only because it was never otherwise. If you did it before this step began, reset the step.", nil
}

// fits reports whether the condition of a sentence is met.
func (p *Player) fits(say lessons.Say) bool {
	if say.When.IsZero() {
		return false
	}
	ok, err := p.eval.Bool(say.When)
	return ok && err == nil
}

// late reports whether a check takes longer than it normally does.
func (p *Player) late(c *lessons.Check, s *checkState) bool {
	return !s.met && c.Within > 0 && !p.state.lastCommand.IsZero() &&
		p.env.Clock.Now().Sub(p.state.lastCommand) >= c.Within
}

// answered reports whether a question was answered rightly.
func (p *Player) answered(step *lessons.Step, question int) bool {
	return slices.Contains(p.state.record.Answers[question], step.Quiz[question].Right())
}

// nextHint returns the next hint that fits, or -1, and how many are left.
func (p *Player) nextHint() (index, left int) {
	step := p.current()
	index = -1
	if step == nil {
		return index, 0
	}
	for i, h := range step.Hints {
		if slices.Contains(p.state.record.Hints, i) || p.state.record.Attempts < h.After {
			continue
		}
		if !h.When.IsZero() {
			if fits, err := p.eval.Bool(h.When); err != nil || !fits {
				continue
			}
		}
		if index < 0 {
			index = i
		}
		left++
	}
	return index, left
}

// words writes a length of time as one says it.
func words(d time.Duration) string {
	switch {
	case d >= 2*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d == time.Minute:
		return "a minute"
	case d == time.Second:
		return "a second"
	case d >= time.Second:
		return fmt.Sprintf("%d seconds", d/time.Second)
	}
	return d.String()
}
