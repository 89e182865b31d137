package ui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// written is a driver of an app in whose editor something was written.
func written(t *testing.T, keys ...string) *driver {
	d := withTables(editing(t, 100, 40))
	toEnd(d, "replicas: 1")
	d.write("0")
	d.press(keys...)
	return d
}

// edits reports whether what was written is still there.
func (d *driver) edits() bool { return !d.quit && d.detail() != nil && d.detail().Unsaved() }

// TestNoEditIsLostWithoutAQuestion goes all ways that lead out of an edit.
func TestNoEditIsLostWithoutAQuestion(t *testing.T) {
	pod := watch.Ref{Kind: "Pod", Namespace: "shop", Name: "web"}
	for name, leave := range map[string]func(*driver){
		"map":           func(d *driver) { d.press("m") },
		"a pane":        func(d *driver) { d.press("1") },
		"a kind":        func(d *driver) { d.command("po") },
		"an object":     func(d *driver) { d.send(pane.OpenMsg{Ref: pod, Tab: pane.Summary}) },
		"a log":         func(d *driver) { d.send(pane.OpenLogMsg{Component: "etcd"}) },
		"quit":          func(d *driver) { d.press("q") },
		"ctrl+c":        func(d *driver) { d.press("ctrl+c") },
		"what is below": func(d *driver) { d.press("g", "m") },
	} {
		t.Run(name, func(t *testing.T) {
			d := written(t, "ctrl+s")
			d.sees("The server accepts it")
			leave(d)
			d.sees("What you wrote is not saved")
			d.press("n")
			if len(d.app.dialogs) > 0 || !d.edits() && name != "what is below" {
				t.Fatalf("it is lost:\n%s", d.screen())
			}
			leave(d)
			d.press("y")
			if d.edits() {
				t.Errorf("it does not end:\n%s", d.screen())
			}
			if d.app.catalog == nil {
				t.Error("the kinds are not known: :po leads nowhere")
			}
		})
	}
	d := written(t, "ctrl+c")
	if d.sees("What you wrote is not saved"); !d.edits() {
		t.Error("ctrl+c has left")
	}
	if d.press("ctrl+c"); !d.quit {
		t.Error("ctrl+c twice has not left")
	}
}

func TestAConflictIsLeftForTheText(t *testing.T) {
	d := written(t)
	d.fake.refusal = apierrors.NewConflict(schema.GroupResource{Group: "apps", Resource: "statefulsets"}, "db", nil)
	d.press("ctrl+s")
	d.sees("Somebody changed it")
	d.press("esc")
	d.sees("replicas: 10", "ctrl+s check")
}

// TestATooSmallTerminalKeepsTheEdit: there is no room for the question.
func TestATooSmallTerminalKeepsTheEdit(t *testing.T) {
	d := written(t)
	d.send(tea.WindowSizeMsg{Width: 38, Height: 8})
	d.sees("a change is not saved")
	if d.press("q"); d.quit {
		t.Error("q has left")
	}
}

// TestCheckIsCancelled: who does not want to wait comes back to the text, and the request ends.
func TestCheckIsCancelled(t *testing.T) {
	for _, c := range []struct {
		stage, key, says string
		press            []string
	}{
		{"the server checks it", "esc", "cancelled: nothing is changed", nil},
		{"the server checks it", "ctrl+c", "cancelled: nothing is changed", nil},
		{"saving", "esc", "the server may have saved it already", []string{"ctrl+s"}},
	} {
		d := written(t, c.press...)
		d.fake.gate = newGate()
		d.fake.gate.close()
		next := "ctrl+s"
		if len(c.press) > 0 {
			next = "enter"
		}
		_, cmd := d.app.Update(keyPress(next))
		d.sees(c.stage, "esc cancel")
		d.press("m")
		d.sees("What you wrote is not saved")
		d.press("n")
		got := make(chan tea.Msg, 1)
		go func() { got <- cmd() }()
		d.press(c.key)
		d.sees(c.says, "replicas: 10", "ctrl+s check")
		select {
		case msg := <-got:
			d.take(msg)
		case <-time.After(10 * time.Second):
			t.Fatal("the request goes on")
		}
		d.sees(c.says)
		if !d.edits() {
			t.Errorf("%s in %s has lost it", c.key, c.stage)
		}
	}
}
