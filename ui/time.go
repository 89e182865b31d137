package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/component"
	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/way"
)

// How often the clock moves: while something moves, while there are ages in
// seconds, and when nothing happens.
const (
	tickMotion = 100 * time.Millisecond
	tickYoung  = time.Second
	tickIdle   = 10 * time.Second
	noticeTime = 6 * time.Second
	young      = 2 * time.Minute
)

func took(d time.Duration) string { return facts.Took(d) }

// ticker is the clock of the app: one tick is on its way at any time, a sooner
// one makes a later one void.
type ticker struct {
	generation int
	due        time.Time
	off        bool // in tests, where time stands still
}

// schedule makes the clock move as soon as the screen needs it, and no sooner.
func (a *App) schedule() tea.Cmd {
	if a.tick.off {
		return nil
	}
	now := a.now()
	due := now.Add(a.pace())
	if !a.tick.due.IsZero() && a.tick.due.After(now) && !due.Before(a.tick.due) {
		return nil
	}
	a.tick.generation++
	a.tick.due = due
	generation := a.tick.generation
	return tea.Tick(due.Sub(now), func(at time.Time) tea.Msg { return tickMsg{generation: generation, at: at} })
}

func (a *App) ticked(msg tickMsg) {
	if msg.generation != a.tick.generation {
		return
	}
	a.tick.due = time.Time{}
	a.ctx.Now = a.moment()
	if !a.opts.NoMotion {
		a.ctx.Frame++
	}
	if t := a.tableTop(); t != nil && a.past == nil {
		t.Anew()
	}
	if !a.note.till.IsZero() && a.now().After(a.note.till) {
		a.note = notice{}
	}
}

func (a *App) pace() time.Duration {
	switch {
	case (a.moving() || a.sending()) && !a.opts.NoMotion:
		return tickMotion
	case a.booting, len(a.doings) > 0, a.sending(), a.note.text != "", a.fresh(), a.tableFresh():
		return tickYoung
	}
	return tickIdle
}

// moving reports whether a sign on the screen moves.
func (a *App) moving() bool {
	if a.line.Running() && a.line.Docked() || a.booting && a.boot.Problem == nil {
		return true
	}
	for _, c := range a.ctx.Components {
		if c.State == component.Starting || c.State == component.Stopping {
			return true
		}
	}
	if a.ctx.Motion.Active(a.ctx.Now) {
		return true
	}
	// What takes longer is stuck, and stands still.
	return a.ctx.Now.Sub(a.ctx.Snapshot.Moved) < young
}

// fresh reports whether an age on the screen is told in seconds.
func (a *App) fresh() bool {
	if e := a.ctx.Snapshot.Events; len(e) > 0 && a.ctx.Now.Sub(watch.EventTime(e[0])) < young {
		return true
	}
	return a.ctx.Now.Sub(a.ctx.Snapshot.Youngest) < young
}

// sending reports whether a packet is on its way whose screen is seen.
func (a *App) sending() bool {
	s, ok := a.top().(*way.View)
	return ok && s.Running()
}

// tableFresh reports whether the table that is seen has marks that go, or young ages.
func (a *App) tableFresh() bool {
	t := a.tableTop()
	return t != nil && (t.Changing() || t.Young())
}

// say shows a line for a while.
func (a *App) say(tone theme.Tone, text string) {
	a.note = notice{text: text, tone: tone, till: a.now().Add(noticeTime)}
	a.keepSaid(text, tone)
}
