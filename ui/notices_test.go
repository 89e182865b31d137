package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/theme"
)

// TestActionsCanBeCancelled: what takes long is shown as long as it takes, and ctrl+c ends
// it, not the app.
func TestActionsCanBeCancelled(t *testing.T) {
	d := up(t, 120, 40)
	cmd := d.app.do("waiting for the tide", "the tide is in", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	d.clock = moment().Add(90 * time.Second)
	d.app.ctx.Now = d.clock
	d.sees("waiting for the tide  90s  ctrl+c cancels")
	d.press("ctrl+c")
	if d.quit {
		t.Fatal("ctrl+c left the app")
	}
	d.sees("cancelling: waiting for the tide")
	d.seesNot("ctrl+c cancels")
	select {
	case msg := <-got:
		d.send(msg)
	case <-time.After(10 * time.Second):
		t.Fatal("the action goes on")
	}
	d.sees("cancelled: waiting for the tide")
	d.seesNot("cancelling", "That did not work")

	// One that was done all the same says so.
	cmd = d.app.do("deleting the moon", "the moon is deleted", func(context.Context) error { return nil })
	d.press("ctrl+c")
	if d.quit {
		t.Fatal("ctrl+c left the app")
	}
	d.send(cmd())
	d.sees("too late to cancel: the moon is deleted")
	d.press("ctrl+c")
	if !d.quit {
		t.Error("ctrl+c does not leave when nothing runs")
	}
}

// TestErrorsCanBeReadAgain checks that an error stays until it was read, can be read as a
// whole, and again later.
func TestErrorsCanBeReadAgain(t *testing.T) {
	d := up(t, 80, 24)
	d.app.say(theme.OK, "all is well")
	long := "deleting web: " + strings.Repeat("it does not want to go. ", 100) + "That is the end."
	d.send(doneMsg{err: errors.New(long)})
	d.sees("That did not work", "more")
	d.seesNot("That is the end.")
	d.press("pgdown", "pgdown", "pgdown", "pgdown")
	d.sees("That is the end.")
	d.press("enter")
	d.seesNot("That did not work")
	d.press("!")
	d.sees("What was said", "22:41:00  deleting web")
	d.press("pgdown", "pgdown", "pgdown", "pgdown", "pgdown")
	d.sees("22:41:00  all is well")
	d.press("esc")
	for range 2 * mostSaid {
		d.app.say(theme.OK, "again")
	}
	if len(d.app.said) != mostSaid {
		t.Errorf("%d lines are kept", len(d.app.said))
	}
}
