package play

import (
	"fmt"
	"time"

	"kubarium/lessons"
)

// free reports whether this is free play: all challenges are looked at all the time, and
// none has to be taken up first.
func (p *Player) free() bool { return p.lesson.Kind == lessons.Sandbox }

// challenges evaluates every challenge that is not met yet but the current one, which the
// rest of the player looks after. It returns when to look again.
func (p *Player) challenges() (next time.Duration) {
	current, at := p.state, p.step
	defer func() { p.state, p.step = current, at }()
	for i := range p.lesson.Steps {
		step := &p.lesson.Steps[i]
		if i == at || p.record.step(step.ID).Done {
			continue
		}
		if _, ok := p.open[i]; !ok {
			p.open[i] = p.stateOf(step)
		}
		p.state, p.step = p.open[i], i
		p.state.lastCommand = current.lastCommand
		if wake := p.stepChecks(step); wake > 0 && (next == 0 || wake < next) {
			next = wake
		}
		p.open[i] = p.state
		if p.state.done {
			p.news = fmt.Sprintf("Challenge met: %s.", step.Title)
		}
	}
	return next
}

// nextOpen is the challenge after the current one that is not met; all of them are when
// there is none.
func (p *Player) nextOpen() int {
	n := len(p.lesson.Steps)
	for i := 1; i <= n; i++ {
		if at := (p.step + i) % n; !p.record.step(p.lesson.Steps[at].ID).Done {
			return at
		}
	}
	return n
}
