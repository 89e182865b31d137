package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/history"
	"kubarium/ui/keys"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// Rewinder brings a cluster back to a state that it had. What it returns besides an error
// says in words what was done.
type Rewinder interface {
	// LastChange is what the user did last and can take back.
	LastChange() (what string, at time.Time, ok bool)
	Undo(ctx context.Context) (string, error)
	Redo(ctx context.Context) (string, error)
	// To brings the cluster to the state of an etcd revision.
	To(ctx context.Context, revision int64) (string, error)
	// Before are the moments that were before a revision and are still known, also those of
	// which the taps know nothing: the cluster was started since. Before 0 is all.
	Before(ctx context.Context, revision int64) ([]history.Moment, error)
	// Since tells, a line each, what has changed from an etcd revision to now; "" is nothing.
	Since(ctx context.Context, revision int64) (string, error)
}

// past is the cluster as it was, shown in the panes in place of what is.
type past struct {
	moments []history.Moment
	at      int
	// shown is the revision in the panes; a newer question makes older answers void.
	shown   int64
	loading bool
	live    *watch.Snapshot
}

// momentsMsg brings the moments there are, pastMsg the cluster at one of them.
type (
	momentsMsg []history.Moment
	pastMsg    struct {
		revision int64
		snapshot *watch.Snapshot
		err      error
	}
	lastChangeMsg struct {
		what string
		at   time.Time
		ok   bool
	}
	changedMsg struct {
		doing  *doing
		moment history.Moment
		text   string
		err    error
	}
	rewoundMsg struct {
		doing *doing
		said  string
		err   error
	}
)

// stepBig is how many moments a large step has.
const stepBig = 20

// rewindTime is how long bringing the cluster back may take: all its objects may be written.
const rewindTime = 15 * time.Minute

// pastPatience is how long the API server may take to tell of the past.
const pastPatience = 10 * time.Second

// noPast says why the past cannot be shown.
func (a *App) noPast() string {
	switch {
	case a.opts.Trace == nil:
		return "only a cluster of kubarium's own keeps its moments"
	case a.client == nil || a.ctx.Down:
		return "the API server does not answer"
	case a.top() != nil:
		return "the past is shown in the panes: esc goes back to them"
	}
	return ""
}

// stepPast goes to an older or a newer moment; from now the first step goes to the past.
func (a *App) stepPast(by int) func() tea.Cmd {
	return func() tea.Cmd {
		if a.past == nil {
			if by > 0 {
				a.say(theme.Muted, "this is now")
				return nil
			}
			return a.askMoments()
		}
		to := a.past.at + by
		// The newest moment was now when the others were asked for.
		if to >= len(a.past.moments)-1 {
			return a.returnToNow()
		}
		a.past.at = max(0, to)
		return a.loadPast()
	}
}

// askMoments asks what moments there are.
func (a *App) askMoments() tea.Cmd {
	store, r, life := a.opts.Trace, a.opts.Rewind, a.ctx.Lifetime()
	return func() tea.Msg {
		list := history.Moments(store)
		if r == nil {
			return momentsMsg(list)
		}
		first := int64(0)
		if len(list) > 0 {
			first = list[0].Revision
		}
		ctx, cancel := context.WithTimeout(life, pastPatience)
		defer cancel()
		// Without them there are still those that the taps saw.
		older, _ := r.Before(ctx, first)
		return momentsMsg(append(older, list...))
	}
}

// beginPast shows the moment before the newest.
func (a *App) beginPast(moments momentsMsg) tea.Cmd {
	if a.past != nil {
		return nil // the key was pressed twice
	}
	if len(moments) < 2 {
		a.say(theme.Muted, "nothing has happened yet")
		return nil
	}
	a.past = &past{moments: moments, at: len(moments) - 2, live: a.ctx.Snapshot}
	return a.loadPast()
}

// loadPast asks for the moment that is chosen; while one is asked for, only the last
// choice is asked for next.
func (a *App) loadPast() tea.Cmd {
	p := a.past
	if p.loading {
		return nil
	}
	p.loading = true
	life, client, namespace, revision := a.ctx.Lifetime(), a.client, a.onlyNamespace, p.moments[p.at].Revision
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, pastPatience)
		defer cancel()
		snapshot, err := watch.At(ctx, client, namespace, revision)
		return pastMsg{revision: revision, snapshot: snapshot, err: err}
	}
}

func (a *App) showPast(msg pastMsg) tea.Cmd {
	p := a.past
	if p == nil {
		return nil
	}
	p.loading = false
	if msg.err != nil {
		a.say(theme.Warn, msg.err.Error())
		if p.shown == 0 {
			return a.returnToNow()
		}
		// What is no longer known is not offered again.
		for len(p.moments) > 0 && p.moments[0].Revision <= msg.revision {
			p.moments = p.moments[1:]
			p.at = max(0, p.at-1)
		}
		if len(p.moments) == 0 {
			return a.returnToNow()
		}
		return nil
	}
	p.shown = msg.revision
	a.ctx.Snapshot = msg.snapshot
	a.showMeasures()
	cmd := a.sync()
	if p.moments[p.at].Revision != p.shown {
		return tea.Batch(cmd, a.loadPast())
	}
	return cmd
}

// returnToNow shows what is.
func (a *App) returnToNow() tea.Cmd {
	if a.past == nil {
		return nil
	}
	a.ctx.Snapshot = a.past.live
	a.past = nil
	a.showMeasures()
	a.relayout()
	return a.sync()
}

// moment is the time that the panes show.
func (a *App) moment() time.Time {
	if p := a.past; p != nil && p.shown != 0 {
		return p.moments[p.at].Time
	}
	return a.now()
}

// inPast are the keys while the past is shown: to look around, and no others.
func (a *App) inPast() keys.Set {
	return keys.Set{
		{Keys: []string{"<", "["}, Label: "<", Desc: "back", Long: "show the cluster as it was before", Bar: true, Run: a.stepPast(-1)},
		{Keys: []string{">", "]"}, Label: ">", Desc: "forward", Long: "show the cluster as it was after", Bar: true, Run: a.stepPast(1)},
		{Keys: []string{"{"}, Desc: "far back", Bar: true, Run: a.stepPast(-stepBig)},
		{Keys: []string{"}"}, Desc: "far forward", Run: a.stepPast(stepBig)},
		{Keys: []string{"D"}, Desc: "changes", Long: "tell what has changed from this moment to now", Bar: true, Disabled: a.noRewinder, Run: a.askChanges},
		{Keys: []string{"B"}, Desc: "bring back", Long: "bring the cluster itself back to this moment", Bar: true, Disabled: a.noRewinder, Run: a.askBringBack},
		{Keys: []string{"esc"}, Desc: "now", Bar: true, Always: true, Run: a.returnToNow},
	}
}

// pastKey takes a key while the past is shown: what would act on the present does not.
func (a *App) pastKey(name string) tea.Cmd {
	if cmd, ok := a.inPast().Dispatch(name); ok {
		return cmd
	}
	if a.isFor("rewind", name) {
		return a.stepPast(-1)()
	}
	for _, set := range []keys.Set{a.focused().Set, a.globals()} {
		b, ok := set.Find(name)
		if ok && !slices.Contains(lookingAround(), b.Name()) {
			break
		}
		if ok {
			cmd, _ := set.Dispatch(name)
			return cmd
		}
	}
	a.sayPast()
	return nil
}

// lookingAround are the actions that do nothing to the present.
func lookingAround() []string {
	return []string{
		"next-pane", "pane-before", "control-plane", "nodes", "pods", "services", "events", "map", "namespace", "help", "quit", "theme",
		"down", "up", "page-down", "page-up", "first", "last", "pane-to-the-left", "pane-to-the-right", "pane-below", "sideways", "sideways-back",
		"next-component", "previous-component", "next-tank", "previous-tank", "next-pod-in-the-tank", "previous-pod-in-the-tank",
	}
}

func (a *App) sayPast() { a.say(theme.Muted, "this is the past: esc returns to now") }

// pastLine tells which moment is shown, in place of the counts.
func (a *App) pastLine() string {
	t, p := a.ctx.Theme, a.past
	m := p.moments[p.at]
	ago := facts.Age(a.now().Sub(m.Time))
	text := fmt.Sprintf(" %s as it was at %s, %s ago (%d of %d) ", t.Icons.Stopped, m.Time.Format("15:04:05"), ago, p.at+1, len(p.moments))
	return t.Banner.Render(text) + t.Tone(theme.Accent).Render(" after: "+m.String())
}

func (a *App) noRewinder() string {
	if a.opts.Rewind == nil {
		return "this cluster cannot be brought back"
	}
	return ""
}

// askChanges asks what has changed since the moment that is shown.
func (a *App) askChanges() tea.Cmd {
	r, m := a.opts.Rewind, a.past.moments[a.past.at]
	ctx, d := a.begin("comparing that moment with now")
	return func() tea.Msg {
		text, err := r.Since(ctx, m.Revision)
		return changedMsg{doing: d, moment: m, text: text, err: err}
	}
}

// showChanges shows them over the past.
func (a *App) showChanges(msg changedMsg) {
	a.end(msg.doing)
	switch {
	case errors.Is(msg.err, context.Canceled):
		a.cancelled(msg.doing)
		return
	case msg.err != nil:
		a.push(note("Not compared", msg.err.Error()))
		return
	case msg.text == "":
		msg.text = "Nothing, but for events and leases."
	}
	title := fmt.Sprintf("What changed from %s (revision %d) to now", msg.moment.Time.Format("15:04:05"), msg.moment.Revision)
	a.push(&message{title: title, text: msg.text, tone: theme.Accent})
}

// askUndo offers to take the user's last change back.
func (a *App) askUndo() tea.Cmd {
	r := a.opts.Rewind
	return func() tea.Msg {
		what, at, ok := r.LastChange()
		return lastChangeMsg{what: what, at: at, ok: ok}
	}
}

func (a *App) offerUndo(msg lastChangeMsg) {
	if !msg.ok {
		a.say(theme.Muted, "there is no change of yours to take back")
		return
	}
	ago := facts.Age(a.now().Sub(msg.at))
	text := fmt.Sprintf("%s\n\n%s ago. Whatever came of it is taken back as well: the whole cluster is again what it was before.", msg.what, ago)
	a.push(&confirm{title: "Take this back?", text: text, yes: "take it back", do: func(a *App) tea.Cmd {
		return a.rewind("taking it back", a.opts.Rewind.Undo)
	}})
}

func (a *App) redo() tea.Cmd { return a.rewind("doing it again", a.opts.Rewind.Redo) }

func (a *App) askBringBack() tea.Cmd {
	r, m := a.opts.Rewind, a.past.moments[a.past.at]
	text := fmt.Sprintf("All objects will be what they were at %s, after:\n%s\n\nWhat came later goes.", m.Time.Format("15:04:05"), m)
	a.push(&confirm{title: "Bring the cluster back to this moment?", text: text, yes: "bring it back", do: func(a *App) tea.Cmd {
		return tea.Batch(a.returnToNow(), a.rewind("bringing the cluster back", func(ctx context.Context) (string, error) { return r.To(ctx, m.Revision) }))
	}})
	return nil
}

func (a *App) rewind(text string, do func(context.Context) (string, error)) tea.Cmd {
	ctx, d := a.beginFor(text, rewindTime)
	return func() tea.Msg {
		said, err := do(ctx)
		return rewoundMsg{doing: d, said: said, err: err}
	}
}

func (a *App) rewound(msg rewoundMsg) {
	a.end(msg.doing)
	switch {
	case errors.Is(msg.err, context.Canceled):
		a.push(note("Cancelled", "Some objects may have been written already, and others not: u offers to take your last change back again."))
	case msg.err != nil:
		a.push(note("Not brought back", msg.err.Error()))
	default:
		a.say(theme.OK, msg.doing.tooLate()+msg.said)
	}
}
