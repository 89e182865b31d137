// Package glass shows what happens inside the components as it happens: requests to the API
// server, writes to etcd, attempts to schedule, what controllers say and kubelets do, and
// what was broken or held on purpose.
package glass

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/document"
	"kubarium/ui/pane"
)

// Sources are where the screen gets what it shows. All but the flow may be nil.
type Sources struct {
	Flow Flow
	// Queues are those of the controllers, Pending the pods that wait for a node.
	Queues  func() ([]trace.WorkQueue, error)
	Pending func() ([]trace.PendingPod, error)
	// Value is what etcd has under a key at a revision.
	Value func(ctx context.Context, key string, revision int64) (stored.Entry, error)
	// Every is how often queues are asked for, which tell nobody that they have changed; 0
	// is once.
	Every time.Duration
}

// EtcdMsg asks to browse the keys in etcd.
type EtcdMsg struct{}

// CloseMsg asks to leave the screen.
type CloseMsg struct{}

type (
	batchMsg struct {
		view  *View
		batch Batch
	}
	queuesMsg struct {
		view    *View
		queues  []trace.WorkQueue
		pending []trace.PendingPod
		// Each is asked for by itself: the scheduler may be stopped while controllers run.
		queuesErr, pendingErr error
	}
	askMsg   struct{ view *View }
	endMsg   struct{ view *View }
	valueMsg struct {
		view  *View
		seq   uint64
		entry stored.Entry
		err   error
	}
)

// View is the screen.
type View struct {
	ctx     *pane.Context
	sources Sources
	life    context.Context
	end     context.CancelFunc

	flows [panes]flow
	focus int
	// reads says that requests are shown that only read, beats that heartbeats are.
	reads, beats, paused, waiting bool
	// told says that the trace has told what it has.
	told       bool
	last, lost uint64

	queues                []trace.WorkQueue
	pending               []trace.PendingPod
	queuesErr, pendingErr error

	// open is the event that is shown in detail; nil if none is.
	open  *trace.Event
	bytes bool
	// entry is the value of a write, once it is read; entryErr says why it is not to be had.
	entry    *stored.Entry
	entryErr error
	// queued says that the queues are shown in detail.
	queued bool
	doc    document.View
	w, h   int
}

// Open opens the screen.
func Open(ctx *pane.Context, sources Sources) (*View, tea.Cmd) {
	v := &View{ctx: ctx, sources: sources}
	v.life, v.end = context.WithCancel(ctx.Lifetime())
	return v, tea.Batch(v.next(), v.ask())
}

// Title names the screen on the help page.
func (v *View) Title() string { return "Glass" }

// Filtered says that the filter and the namespace choose what is shown.
func (v *View) Filtered() bool { return v.open == nil && !v.queued }

// Close ends what the screen has running.
func (v *View) Close() { v.end() }

// next asks for the next batch, never twice at a time.
func (v *View) next() tea.Cmd {
	if v.waiting || v.paused || v.sources.Flow == nil {
		return nil
	}
	v.waiting = true
	ctx, after, read := v.life, v.last, v.sources.Flow
	return func() tea.Msg {
		batch, ok := read(ctx, after)
		if !ok {
			return endMsg{v}
		}
		return batchMsg{v, batch}
	}
}

// ask asks for the queues.
func (v *View) ask() tea.Cmd {
	queues, pending := v.sources.Queues, v.sources.Pending
	if queues == nil || pending == nil || v.life.Err() != nil {
		return nil
	}
	return func() tea.Msg {
		msg := queuesMsg{view: v}
		msg.queues, msg.queuesErr = queues()
		msg.pending, msg.pendingErr = pending()
		return msg
	}
}

// Update takes what the screen's own commands bring.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batchMsg:
		if msg.view == v {
			return v.take(msg.batch)
		}
	case endMsg:
		v.waiting = v.waiting && msg.view != v
	case queuesMsg:
		if msg.view == v {
			v.queues, v.pending, v.queuesErr, v.pendingErr = msg.queues, msg.pending, msg.queuesErr, msg.pendingErr
			v.refresh()
			if v.sources.Every > 0 {
				return tea.Tick(v.sources.Every, func(time.Time) tea.Msg { return askMsg{v} })
			}
		}
	case askMsg:
		if msg.view == v {
			return v.ask()
		}
	case valueMsg:
		if msg.view == v && v.open != nil && v.open.Seq == msg.seq {
			if v.entryErr = msg.err; msg.err == nil {
				v.entry = &msg.entry
			}
			v.refresh()
		}
	}
	return nil
}

// take adds a batch. What comes while nothing is to move is fetched later, as far as the
// trace still has it.
func (v *View) take(b Batch) tea.Cmd {
	v.waiting = false
	if v.paused {
		return nil
	}
	v.told = true
	v.last, v.lost = b.last, v.lost+b.lost
	for at := range v.flows {
		v.flows[at].add(b.events[at], b.counts[at])
	}
	v.Sync()
	return v.next()
}

// Sync takes over the filter.
func (v *View) Sync() tea.Cmd {
	for at := range v.flows {
		v.flows[at].arrange(func(e trace.Event) bool { return v.shows(at, e) })
		v.flows[at].clamp(v.visible())
	}
	return nil
}

func (v *View) shows(at int, e trace.Event) bool {
	if at == requests && !v.reads && !trace.Changes(e.Verb) && e.Verb != "notify" {
		return false
	}
	if !v.beats && trace.Routine(e) {
		return false
	}
	if v.ctx.Namespace == "" && v.ctx.Text == "" {
		return true
	}
	return v.ctx.Shows(e.Object.Namespace, e.Object.String(), e.Actor, e.Verb, e.Detail)
}

// flow is what one pane has.
type flow struct {
	events []trace.Event
	// shown are those that the filter lets through.
	shown []trace.Event
	count int
	// held is the event under the cursor; its Seq is 0 while that is the newest, whichever
	// it is.
	held           trace.Event
	cursor, offset int
}

// add puts events where their times say: who was notified of a change is known only after
// all that is told of meanwhile.
func (f *flow) add(events []trace.Event, count int) {
	f.count += count
	f.events = append(f.events, events...)
	slices.SortStableFunc(f.events, func(a, b trace.Event) int { return a.Time.Compare(b.Time) })
	if over := len(f.events) - keep; over > 0 {
		f.events = append(f.events[:0], f.events[over:]...)
	}
}

func (f *flow) arrange(shows func(trace.Event) bool) {
	f.shown = f.shown[:0]
	for _, e := range f.events {
		if shows(e) {
			f.shown = append(f.shown, e)
		}
	}
	f.cursor = len(f.shown) - 1
	if f.held.Seq == 0 {
		return
	}
	// What was held may be gone, or filtered out: then it is what came after it.
	for i, e := range slices.Backward(f.shown) {
		if e.Time.Before(f.held.Time) {
			return
		}
		f.cursor = i
		if e.Seq == f.held.Seq {
			return
		}
	}
}

func (f *flow) clamp(h int) {
	f.cursor = max(0, min(f.cursor, len(f.shown)-1))
	if h <= 0 {
		return
	}
	f.offset = max(f.offset, f.cursor-h+1)
	f.offset = max(0, min(f.offset, f.cursor, len(f.shown)-h))
}

// move holds the cursor, and lets it go at the newest event.
func (f *flow) move(by int) {
	if len(f.shown) == 0 {
		return
	}
	f.cursor = max(0, min(f.cursor+by, len(f.shown)-1))
	f.held = f.shown[f.cursor]
	if f.cursor == len(f.shown)-1 {
		f.held = trace.Event{}
	}
}

func (f *flow) selected() (trace.Event, bool) {
	if f.cursor < 0 || f.cursor >= len(f.shown) {
		return trace.Event{}, false
	}
	return f.shown[f.cursor], true
}
