package ui

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"

	"kubarium/cluster/component"
	"kubarium/lessons/course"
	"kubarium/ui/gauge"
	"kubarium/ui/lesson"
	"kubarium/ui/uitest"
)

// stuckAfter is after what time an update counts as one that waits for something; a busy machine
// may need a part of it.
const stuckAfter = 30 * time.Second

// walker drives an app none of whose questions are answered. It runs commands beside the
// updates, as the program does.
type walker struct {
	*driver
	gate    *gate
	leave   context.CancelFunc
	doing   string
	dog     *time.Timer
	running sync.WaitGroup
	got     chan tea.Msg
}

// walk opens a view, and shuts the gate when it is seen.
func walk(t *testing.T, open gated) *walker {
	t.Helper()
	life, leave := context.WithCancel(t.Context())
	w := &walker{gate: newGate(), leave: leave, got: make(chan tea.Msg, 4096)}
	w.driver = open(t, w.gate, life)
	w.app.ctx.Life, w.fake.gate = life, w.gate
	w.gate.close()
	w.dog = time.AfterFunc(stuckAfter, w.bark)
	// What is shown was told by a server that answers; all else is asked of one that does not.
	msg, err := w.gate.connected()
	if err != nil {
		t.Fatal(err)
	}
	catalog := w.app.catalog
	if catalog == nil {
		catalog = uitest.Kinds()
	}
	w.step("connect", msg)
	w.step("learn the kinds", catalogMsg{catalog: catalog})
	w.app.forwards, w.app.gauges = gatedForwards{w.gate}, gauge.New(nil, nil, "")
	return w
}

// bark ends the test with what the updates wait for.
func (w *walker) bark() {
	stacks := make([]byte, 1<<20)
	panic(fmt.Sprintf("%s: %s does not come back\n%s", w.t.Name(), w.doing, stacks[:runtime.Stack(stacks, true)]))
}

// begin runs a command beside the updates.
func (w *walker) begin(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	w.running.Go(func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				w.begin(c)
			}
		default:
			if name := typeName(msg); strings.Contains(name, "cursor.") || strings.HasPrefix(name, "tea.") {
				return // it blinks for ever, or is the program's own
			}
			select {
			case w.got <- msg:
			default:
			}
		}
	})
}

// step gives the app a message, and then all that has come back.
func (w *walker) step(doing string, msg tea.Msg) {
	w.doing = doing
	for more := true; more; {
		w.dog.Reset(stuckAfter)
		_, cmd := w.app.Update(msg)
		w.begin(cmd)
		w.app.quit = false
		select {
		case msg = <-w.got:
			w.doing = doing + ", then " + typeName(msg)
		default:
			more = false
		}
	}
	w.dog.Stop()
}

// draw draws what the program would.
func (w *walker) draw() {
	w.doing += ", drawn"
	w.dog.Reset(stuckAfter)
	w.app.View()
	w.dog.Stop()
}

// until takes what comes back until something is so.
func (w *walker) until(so func() bool, what string) {
	w.t.Helper()
	for end := time.Now().Add(stuckAfter); !so(); time.Sleep(time.Millisecond) {
		if w.step("what comes back", nil); time.Now().After(end) {
			w.t.Errorf("never %s; it shows\n%s", what, w.screen())
			return
		}
	}
}

func (w *walker) press(doing, name string) {
	k, _ := keyNamed(name)
	w.step(doing, tea.KeyPressMsg(k))
}

// end leaves the app, as Run does. All that goes on has to end with it.
func (w *walker) end() {
	w.doing = "closing the app"
	w.dog.Reset(stuckAfter)
	w.leave()
	w.app.close()
	w.dog.Stop()
	close(w.gate.end)
}

// ended waits for all that was begun.
func (w *walker) ended() {
	w.doing = "what was begun"
	w.dog.Reset(stuckAfter)
	w.running.Wait()
	w.dog.Stop()
}

// view says what is seen and has the keys, so far as other keys are to be tried then.
func (w *walker) view() string {
	a, parts := w.app, []string{}
	for _, s := range a.screens {
		parts = append(parts, typeName(s), s.Title())
	}
	for _, d := range a.dialogs {
		parts = append(parts, typeName(d))
	}
	return fmt.Sprint(parts, a.focus, a.line.Open(), a.filters.open, a.room, a.past != nil, a.mapOn, a.panelOn, a.booting, len(a.doings), a.typing(), a.ctx.Text)
}

// allKeys are those of all actions, and those that dialogs and text fields have.
func allKeys() []string {
	names := map[string]bool{}
	for _, k := range []string{"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "backspace", "space", "y", "n", "ctrl+c", "ctrl+s", "ctrl+p", "f1", "1", "2", "3", "4", "5", "6", "7"} {
		names[k] = true
	}
	for _, g := range slices.Concat(Actions(), lesson.Actions()) {
		for _, b := range g.Set {
			for _, k := range b.Keys {
				if _, ok := keyNamed(k); ok {
					names[k] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// gated opens a view of an app whose sources are behind a gate, and whose life is that.
type gated func(t *testing.T, g *gate, life context.Context) *driver

func behindGate(open opener) gated {
	return func(t *testing.T, g *gate, life context.Context) *driver { return open(t, 100, 30, g.options(life)) }
}

func panes(t *testing.T, w, h int, change func(*Options)) *driver { return up(t, w, h, change) }

// blockingViews are those of the goldens, and the lessons as they are.
func blockingViews(t *testing.T) map[string]gated {
	t.Helper()
	c, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	views := map[string]gated{}
	for name, open := range screens() {
		views[name] = behindGate(open)
	}
	for name, keys := range map[string][]string{"lessons": nil, "a lesson": {"enter"}, "words": {"w"}} {
		views[name] = func(t *testing.T, g *gate, life context.Context) *driver {
			d := up(t, 100, 30, g.options(life), func(o *Options) {
				o.Lessons = lesson.New(life, lesson.Options{
					Course: c, WorkDir: t.TempDir(), Kubectl: g.kubectl, Control: gatedControl{g},
					Namespace: func(string) error { g.without("lesson: Namespace"); return nil },
				})
			})
			d.press("L")
			d.press(keys...)
			return d
		}
	}
	return views
}

// TestUpdateNeverBlocks presses each key in each view, clicks and sends what comes from outside, while nothing
// that the app asks for is answered: each Update and View has to come back, and what they have begun has to end
// with the app.
func TestUpdateNeverBlocks(t *testing.T) {
	before, clock := goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock")
	keys := allKeys()
	t.Run("views", func(t *testing.T) {
		for name, open := range blockingViews(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				pressAll(t, open, keys)
			})
		}
	})
	goleak.VerifyNone(t, before, clock)
}

// pressAll does in one view all that can be done there.
func pressAll(t *testing.T, open gated, keys []string) {
	var all []*walker
	again := func() *walker {
		if n := len(all); n > 0 {
			all[n-1].end()
		}
		all = append(all, walk(t, open))
		return all[len(all)-1]
	}
	w := again()
	for i, key := range keys {
		was := w.view()
		w.press("key "+key, key)
		if w.view() == was {
			if i%8 == 0 {
				w.draw() // what only moves within a view is drawn now and then
			}
			continue
		}
		w.draw()
		// What was asked is answered, and what was opened is used.
		for _, more := range []string{"down", "enter", "enter", "tab", "esc"} {
			w.press("key "+key+", then "+more, more)
		}
		w.draw()
		if w.view() != was {
			w = again()
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		x, y := random.IntN(100), random.IntN(30)
		at := fmt.Sprintf(" at %d, %d", x, y)
		w.step("click"+at, tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
		w.step("drag"+at, tea.MouseMotionMsg{X: x + 3, Y: y, Button: tea.MouseLeft})
		w.step("let go"+at, tea.MouseReleaseMsg{X: x + 3, Y: y, Button: tea.MouseLeft})
		w.step("wheel"+at, tea.MouseWheelMsg{X: x, Y: y, Button: tea.MouseWheelDown})
		w.draw()
	}
	w = again()
	for i, msg := range fromOutside(w.driver) {
		w.step(fmt.Sprintf("message %d, %T", i, msg), msg)
		w.draw()
	}
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 20, Height: 5}, {Width: 200, Height: 60}} {
		w.step("another size", size)
		w.draw()
	}
	w.step("paste", tea.PasteMsg{Content: "get pods\n"})
	w.end()
	for _, w := range all {
		w.ended()
	}
}

// TestWhatTakesTimeWaits proves that the other test sees something: each of what can take time is reached by a
// key, is not answered, and the app goes on. For lines that are typed this is the test.
func TestWhatTakesTimeWaits(t *testing.T) {
	before, clock := goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock")
	views := blockingViews(t)
	down := func(name string) gated {
		return func(t *testing.T, g *gate, life context.Context) *driver {
			d := behindGate(panes)(t, g, life)
			list := slices.Clone(uitest.Components())
			list[slices.IndexFunc(list, func(c component.Info) bool { return c.Name == name })].State = component.Stopped
			d.send(componentsMsg(list))
			return d
		}
	}
	views["no node-1"], views["no network"] = down("node-1"), down("network")
	for _, c := range []struct{ what, view, keys string }{
		{"StopNode", "main", "2 s see:Stop enter"}, {"KillNode", "main", "2 K see:power enter"}, {"StartNode", "no node-1", "2 s"},
		{"StopComponent", "control plane", "s see:Stop enter"}, {"StartComponent", "no network", "1 s"}, {"LogFile", "main", "1 enter"},
		{"Freeze", "main", "z"}, {"Thaw", "frozen", "z"}, {"LastChange", "main", "u"}, {"Redo", "main", "ctrl+y"},
		{"Describe", "summary", "tab"}, {"Logs", "describe", "4"}, {"Events", "describe", "5"}, {"Inside", "describe", "6"}, {"Story", "describe", "7"},
		{"Object", "yaml", "D"}, {"Explain", "yaml", "down"}, {"Update", "edit checked", "enter"}, {"Update", "edit", "ctrl+s"},
		{"SendPacket", "packet", "r"}, {"forward: Stop", "forwards", "s"}, {"forward: Again", "forwards", "end s"}, {"forward: Remove", "forwards", "d"},
		{"etcd: History", "etcd", "enter enter"}, {"etcd: Keys", "main", ": e t c d enter"}, {"glass: Flow", "main", "I"},
		{"glass: Queues", "main", "I"}, {"glass: Value", "glass", "tab enter"}, {"Processes", "tree", "/ w enter"}, {"Shell", "main", "ctrl+t"},
		{"API server", "delete", "enter"}, {"Before", "main", "<"}, {"API server", "main", "ctrl+p"}, {"API server", "main", ": p o enter"},
		{"Kubectl", "main", ": g e t space p o d s enter"}, {"Kubectl", "main", ": g e t space p o tab"}, {"Kubectl", "pods", "down x"},
		{"forward: Start", "main", ": f o r w a r d space s v c / w e b space 8 0 8 0 : 8 0 enter"},
		{"SendPacket", "main", ": p a c k e t space n o d e / n o d e - 1 space s v c / w e b : 8 0 enter"},
		{"API server", "main", ": t r e e space d e p l o y / w e b space - n space s h o p enter"},
		{"lesson: Watch", "lessons", "enter"},
	} {
		t.Run(c.what+" "+strings.ReplaceAll(c.view+" "+c.keys, "/", "|"), func(t *testing.T) {
			t.Parallel()
			w := walk(t, views[c.view])
			w.gate.forget()
			for key := range strings.FieldsSeq(c.keys) {
				if text, ok := strings.CutPrefix(key, "see:"); ok {
					w.until(func() bool { return strings.Contains(w.screen(), text) }, text)
				} else {
					w.press("key "+key, key)
				}
			}
			w.until(func() bool { return w.gate.holds(c.what) }, "a question to "+c.what)
			w.press("help", "?")
			w.draw()
			w.end()
			w.ended()
		})
	}
	t.Run("what tells the app", func(t *testing.T) {
		w := walk(t, behindGate(panes))
		Feed(w.app.ctx.Lifetime(), w.app.opts, func(tea.Msg) {}, &w.running)
		w.end()
		w.ended()
	})
	goleak.VerifyNone(t, before, clock)
}
