package play

import (
	"context"

	"kubarium/lessons"
)

// Next goes on, once the current step is done.
func (p *Player) Next() {
	p.do(func() {
		// A task of an exam may be left for later, and so may a challenge.
		if p.busy != "" || (!p.state.done && p.lesson.Kind != lessons.Exam && !p.free()) || p.step >= len(p.lesson.Steps) {
			return
		}
		p.count()
		if p.free() && p.step >= 0 {
			p.step = p.nextOpen()
		} else {
			p.step++
		}
		p.notice, p.news = "", ""
		p.enter()
		p.mark()
		if p.step == len(p.lesson.Steps) {
			p.finish()
		}
	})
}

// Previous goes back to the task before, in an exam.
func (p *Player) Previous() {
	p.do(func() {
		if p.lesson.Kind != lessons.Exam || p.busy != "" || p.step < 1 || p.step >= len(p.lesson.Steps) {
			return
		}
		p.step--
		p.notice = ""
		p.enter()
	})
}

// Hint opens the next hint.
func (p *Player) Hint() {
	p.do(func() {
		step := p.current()
		if step == nil || p.lesson.Kind == lessons.Exam {
			return
		}
		record := p.state.record
		if say := p.unseen(step); say != "" && !record.looked(say) {
			record.Looks = append(record.Looks, Look{After: len(record.Hints), Say: say})
		} else if i, _ := p.nextHint(); i >= 0 {
			record.Hints = append(record.Hints, i)
		}
		record.HintAt = record.Attempts
		p.save()
	})
}

// Command tells the player what the learner typed.
func (p *Player) Command(line string, exit int, output string) {
	p.do(func() { p.command(line, exit, output) })
}

func (p *Player) command(line string, exit int, output string) {
	now := p.env.Clock.Now()
	p.store.commands = append(p.store.commands, lessons.Command{Line: line, Exit: exit, Output: output, At: now})
	if exit == 0 {
		p.store.look(lessons.LooksOf(line, p.lesson.Space())...)
	}
	p.notice, p.state.remark = "", ""
	if p.current() != nil && !p.state.done {
		p.state.record.Attempts++
		p.store.attempted = p.state.record.Attempts
		p.state.remark = p.remark(p.store.commands[len(p.store.commands)-1])
		p.state.lastCommand = now
		p.save()
	}
}

// Looked tells the player what the learner looks at in the app.
func (p *Player) Looked(l lessons.Look) { p.do(func() { p.store.look(l) }) }

// Answer gives an answer to a question of the step; both count from 0.
func (p *Player) Answer(question, option int) {
	p.do(func() {
		step := p.current()
		if step == nil || question < 0 || question >= len(step.Quiz) || option < 0 || option >= len(step.Quiz[question].Options) {
			return
		}
		tried := p.state.record.Answers[question]
		right := step.Quiz[question].Right()
		for _, t := range tried {
			if t == option || t == right {
				return
			}
		}
		if p.state.record.Answers == nil {
			p.state.record.Answers = map[int][]int{}
		}
		p.state.record.Answers[question] = append(tried, option)
		p.save()
	})
}

// ShowMe types the step's solution where the learner sees it.
func (p *Player) ShowMe() {
	p.do(func() {
		step := p.current()
		if step == nil || p.busy != "" || p.state.done {
			return
		}
		if len(step.Solution()) == 0 {
			p.notice = "There is nothing to type in this step."
			return
		}
		p.state.record.Shown = true
		p.background("Showing how it is done", false, func(ctx context.Context) error { return p.solve(ctx, step, false) })
	})
}

// Skip solves the step, so that the next one has the state it needs.
func (p *Player) Skip() {
	p.do(func() {
		step := p.current()
		if step == nil || p.busy != "" || p.state.done {
			return
		}
		p.state.record.Skipped = true
		p.background("Doing this step for you", false, func(ctx context.Context) error { return p.solve(ctx, step, true) })
	})
}

// Reset brings cluster and files back to the start of the current step.
func (p *Player) Reset() {
	p.do(func() {
		step := p.current()
		if p.busy != "" || step == nil {
			return
		}
		p.background("Going back to the start of this step", true, func(ctx context.Context) error {
			if err := p.placeFiles(true); err != nil {
				return err
			}
			if err := p.goBack(ctx, step); err != nil {
				return err
			}
			return p.wait(ctx, func() bool {
				p.record.reset(step.ID)
				clear(p.open)
				p.enter()
				p.mark()
				return true
			})
		})
	})
}

// Restart begins the whole lesson again.
func (p *Player) Restart() {
	p.do(func() {
		if p.busy != "" {
			return
		}
		p.background("Preparing the cluster for the lesson", true, p.startOver)
	})
}
