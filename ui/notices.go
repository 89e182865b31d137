package ui

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
)

// mostSaid is how much of what was said can be read again.
const mostSaid = 100

// said is something that the app has told.
type said struct {
	at   time.Time
	text string
	tone theme.Tone
}

// keepSaid lets it be read again.
func (a *App) keepSaid(text string, tone theme.Tone) {
	a.said = append(a.said, said{at: a.now(), text: text, tone: tone})
	if n := len(a.said) - mostSaid; n > 0 {
		a.said = slices.Delete(a.said, 0, n)
	}
}

// openSaid shows what was said, the newest first.
func (a *App) openSaid() tea.Cmd {
	d := &message{title: "What was said", tone: theme.Accent}
	for _, s := range slices.Backward(a.said) {
		d.text += s.at.Format("15:04:05") + "  " + s.text + "\n"
	}
	if len(a.said) == 0 {
		d.text = "Nothing yet."
	}
	a.push(d)
	return nil
}

// doing is an action that is on its way.
type doing struct {
	text   string
	since  time.Time
	cancel context.CancelFunc
}

// begin notes an action, and returns its context.
func (a *App) begin(text string) (context.Context, *doing) { return a.beginFor(text, actionTime) }

func (a *App) beginFor(text string, most time.Duration) (context.Context, *doing) {
	ctx, cancel := context.WithTimeout(a.ctx.Lifetime(), most)
	d := &doing{text: text, since: a.now(), cancel: cancel}
	a.doings = append(a.doings, d)
	return ctx, d
}

// end forgets an action that is done.
func (a *App) end(d *doing) {
	a.doings = slices.DeleteFunc(a.doings, func(o *doing) bool { return o == d })
	if d != nil {
		d.cancel()
	}
}

// cancelDoing ends the action that was begun last, and reports whether there was one.
func (a *App) cancelDoing() bool {
	if len(a.doings) == 0 {
		return false
	}
	d := a.doings[len(a.doings)-1]
	d.cancel()
	a.say(theme.Warn, "cancelled: "+d.text)
	return true
}

// progress tells what is on its way: the action that was begun last, and for how long.
func (a *App) progress() string {
	n := len(a.doings)
	if n == 0 {
		return ""
	}
	d := a.doings[n-1]
	text := fmt.Sprintf("%s  %s", d.text, facts.Age(a.ctx.Now.Sub(d.since)))
	if n > 1 {
		text += fmt.Sprintf(" (and %d more)", n-1)
	}
	return text + "  ctrl+c cancels"
}
