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
	// cancelled says that the user does not want it any more; it may be done all the same.
	cancelled bool
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

// cancelDoing ends the action that was begun last, and reports whether there was one that is not
// being cancelled already.
func (a *App) cancelDoing() bool {
	for _, d := range slices.Backward(a.doings) {
		if !d.cancelled {
			d.cancelled = true
			d.cancel()
			return true
		}
	}
	return false
}

// cancelled says that an action has ended without doing what it was for.
func (a *App) cancelled(d *doing) {
	if d != nil {
		a.say(theme.Warn, "cancelled: "+d.text)
	}
}

// tooLate says before what an action has to tell that it was not cancelled in time.
func (d *doing) tooLate() string {
	if d == nil || !d.cancelled {
		return ""
	}
	return "too late to cancel: "
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
	if d.cancelled {
		return "cancelling: " + text
	}
	return text + "  ctrl+c cancels"
}
