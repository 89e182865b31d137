package play

import (
	"context"
	"time"

	"kubarium/cluster/control"
	"kubarium/lessons"
)

// returnPatience is how long the lesson's objects may take to be as they were when the cluster
// has been brought back.
const returnPatience = 5 * time.Second

// returner is what a Control can have besides: it brings a namespace back to a state that it had,
// every object with its UID.
type returner interface {
	Mark(ctx context.Context, name string) error
	ReturnTo(ctx context.Context, name, namespace string) (control.Rewound, error)
}

// markName is the state at the start of a step.
func markName(lesson *lessons.Lesson, step *lessons.Step) string {
	return "lesson " + lesson.ID + " " + lesson.Choice.String() + " " + step.ID
}

// mark keeps the state of the cluster, as it is when a step begins. What is not in the lesson's
// namespace is not brought back by it: a lesson that does something elsewhere is prepared anew
// for a reset.
func (p *Player) mark() {
	p.marked = ""
	step := p.current()
	keeper, ok := p.env.Control.(returner)
	if !ok || step == nil || p.state.done || p.env.Shared || !p.confined {
		return
	}
	name, ctx := markName(p.lesson, step), p.ctx
	go func() {
		// Without one, a reset is longer, and that is all.
		if keeper.Mark(ctx, name) == nil {
			p.do(func() {
				if now := p.current(); now != nil && markName(p.lesson, now) == name {
					p.marked = name
				}
			})
		}
	}()
}

// goBack brings the lesson to the start of a step: to the state that it had then, if that was
// kept, else by preparing the lesson and doing the steps before again.
func (p *Player) goBack(ctx context.Context, step *lessons.Step) error {
	if p.returned(ctx, step) {
		return nil
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	return p.replay(ctx, step)
}

// returned brings the namespace back, and reports whether the step can begin again. What was done
// inside containers is still there, and so are Events: a check that sees them is met.
func (p *Player) returned(ctx context.Context, step *lessons.Step) bool {
	name := ""
	if p.wait(ctx, func() bool { name = p.marked; return true }) != nil || name == "" {
		return false
	}
	keeper, ok := p.env.Control.(returner)
	if !ok {
		return false
	}
	if _, err := keeper.ReturnTo(ctx, name, p.lesson.Space()); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, returnPatience)
	defer cancel()
	// What was typed belongs to the attempt that was.
	p.do(func() { p.store.commands = nil })
	for _, c := range step.Checks {
		if c.Mode == lessons.Invariant {
			continue
		}
		// What probes last saw is of before.
		if p.lesson.Asks(c.Expr) {
			return false
		}
		if p.wait(ctx, func() bool { met, err := p.eval.Bool(c.Expr); return !met && err == nil }) != nil {
			return false
		}
	}
	return true
}
