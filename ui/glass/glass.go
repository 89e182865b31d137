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
	// batchMsg brings what the scan of that number found; fresh is all that is shown.
	batchMsg struct {
		view  *View
		scan  int
		fresh bool
		batch Batch
	}
	endMsg struct {
		view *View
		scan int
	}
	queuesMsg struct {
		view    *View
		queues  []trace.WorkQueue
		pending []trace.PendingPod
		// Each is asked for by itself: the scheduler may be stopped while controllers run.
		queuesErr, pendingErr error
	}
	askMsg  struct{ view *View }
	toldMsg struct {
		view *View
		seq  uint64
		to   []string
	}
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
	// filter is what is asked for, and reads and beats what it is to say of these.
	filter          filter
	reads, beats    bool
	paused, waiting bool
	// scan counts how often the trace was read from its beginning on, as whenever the filter
	// changes: the panes have only what fits. stop ends the one before.
	scan int
	stop context.CancelFunc
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
	// watchers were told of what the request wrote.
	watchers []string
	// queued says that the queues are shown in detail.
	queued bool
	doc    document.View
	w, h   int
}

// Open opens the screen.
func Open(ctx *pane.Context, sources Sources) (*View, tea.Cmd) {
	v := &View{ctx: ctx, sources: sources}
	v.life, v.end = context.WithCancel(ctx.Lifetime())
	v.filter = v.chosen()
	return v, tea.Batch(v.begin(), v.ask())
}

// Title names the screen on the help page.
func (v *View) Title() string { return "Glass" }

// Filtered says that the filter and the namespace choose what is shown.
func (v *View) Filtered() bool { return v.open == nil && !v.queued }

// Close ends what the screen has running.
func (v *View) Close() { v.end() }

// chosen is the filter as it was chosen.
func (v *View) chosen() filter {
	return filter{namespace: v.ctx.Namespace, text: v.ctx.Text, reads: v.reads, beats: v.beats}
}

// begin reads the trace from its beginning on. Of a picture that is kept still, what came
// later is no part.
func (v *View) begin() tea.Cmd {
	if v.stop != nil {
		v.stop()
	}
	v.scan++
	v.told = false
	want := Want{}
	if v.paused {
		want.Until = v.last
	}
	return v.read(want)
}

// next asks for the next batch, never twice at a time.
func (v *View) next() tea.Cmd {
	if v.waiting || v.paused {
		return nil
	}
	return v.read(Want{After: v.last})
}

func (v *View) read(want Want) tea.Cmd {
	if v.sources.Flow == nil {
		return nil
	}
	v.waiting = true
	want.likely, want.shows = v.filter.likely, v.filter.shows
	ctx, cancel := context.WithCancel(v.life)
	v.stop = cancel
	read, scan := v.sources.Flow, v.scan
	return func() tea.Msg {
		defer cancel()
		batch, ok := read(ctx, want)
		if !ok {
			return endMsg{v, scan}
		}
		return batchMsg{v, scan, want.After == 0, batch}
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
		if msg.view == v && msg.scan == v.scan {
			return v.take(msg)
		}
	case endMsg:
		if msg.view == v && msg.scan == v.scan {
			v.waiting = false
		}
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
	case toldMsg:
		if msg.view == v && v.open != nil && v.open.Seq == msg.seq {
			v.watchers = msg.to
			v.refresh()
		}
	}
	return nil
}

// take adds a batch. What comes while nothing is to move is fetched later, as far as the
// trace still has it.
func (v *View) take(msg batchMsg) tea.Cmd {
	v.waiting = false
	if v.paused && !msg.fresh {
		return nil
	}
	v.told = true
	b := msg.batch
	v.last, v.lost = b.last, v.lost+b.lost
	for at := range v.flows {
		if msg.fresh {
			v.flows[at].begin(b.counts[at])
			b.counts[at] = 0
		}
		v.flows[at].add(b.events[at], b.counts[at])
	}
	v.arrange()
	return v.next()
}

// Sync takes over the filter. What the panes have is filtered at once; what else fits comes
// from the trace.
func (v *View) Sync() tea.Cmd {
	f := v.chosen()
	if f == v.filter {
		v.arrange()
		return nil
	}
	v.filter = f
	v.arrange()
	return v.begin()
}

func (v *View) arrange() {
	for at := range v.flows {
		v.flows[at].arrange(func(e trace.Event) bool { return v.filter.shows(at, e) })
		v.flows[at].clamp(v.visible())
	}
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

// begin empties the pane. Of what it counted, the trace may have forgotten some.
func (f *flow) begin(count int) {
	f.events = nil
	f.count = max(f.count, count)
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
