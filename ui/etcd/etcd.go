// Package etcd shows what is in etcd: keys as directories, and each value decoded, byte by byte,
// and as it was before.
package etcd

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/document"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

// Source is etcd. It may be that of nobody: then Keys is nil.
type Source struct {
	// Keys lists what begins with a prefix; more says that there is more than that.
	Keys func(ctx context.Context, prefix string) (entries []stored.Entry, more bool, err error)
	// History is a key's past, the newest value first.
	History func(ctx context.Context, key string, most int) ([]stored.Entry, error)
	// Changed waits for a write after an event of the trace, and returns the last event;
	// false is the end. It may be nil.
	Changed func(ctx context.Context, after uint64) (last uint64, ok bool)
}

const (
	// askTime bounds a question, pace how often keys are listed, past how many revisions
	// of a key are shown.
	askTime = 10 * time.Second
	pace    = time.Second
	past    = 50
)

// Writes tells by a trace when something was written.
func Writes(store *trace.Store) func(context.Context, uint64) (uint64, bool) {
	return func(ctx context.Context, after uint64) (uint64, bool) {
		for {
			if store.Wait(ctx, after) != nil {
				return after, false
			}
			// What is written in this time is listed once.
			timer := time.NewTimer(pace)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return after, false
			}
			written := false
			first := func(e trace.Event) bool { return !written && e.Component == "etcd" }
			after = store.Scan(after, first, func(trace.Event) { written = true })
			if written {
				return after, true
			}
		}
	}
}

// CloseMsg asks to leave the screen.
type CloseMsg struct{}

type (
	keysMsg struct {
		view    *View
		entries []stored.Entry
		more    bool
		err     error
	}
	changedMsg struct {
		view *View
		last uint64
	}
	valueMsg struct {
		view *View
		key  string
		list []stored.Entry
		err  error
	}
)

// View is the screen.
type View struct {
	ctx    *pane.Context
	source Source
	life   context.Context
	end    context.CancelFunc
	last   uint64

	entries []stored.Entry
	more    bool
	known   bool
	err     error

	// prefix is the directory, rows are what is in it.
	prefix   string
	rows     []row
	cur      widget.List
	selected string

	// key is the one that is shown, "" if none is; history what it was.
	key     string
	history []stored.Entry
	failed  error
	tab     int
	doc     document.View
	w, h    int
}

// row is a directory or a key.
type row struct {
	name  string
	keys  int
	entry stored.Entry
}

// directory reports whether there is more below a row.
func (r row) directory() bool { return strings.HasSuffix(r.name, "/") }

// Open opens the screen at a prefix; "" is where the API server keeps all.
func Open(ctx *pane.Context, source Source, prefix string) (*View, tea.Cmd) {
	if prefix == "" {
		prefix = stored.Prefix
	}
	v := &View{ctx: ctx, source: source, prefix: prefix}
	v.life, v.end = context.WithCancel(ctx.Lifetime())
	return v, tea.Batch(v.list(), v.await())
}

// Title names the screen on the help page.
func (v *View) Title() string { return "etcd" }

// Filtered says that the filter chooses what is shown.
func (v *View) Filtered() bool { return v.key == "" }

// Close ends what the screen has running.
func (v *View) Close() { v.end() }

func (v *View) list() tea.Cmd {
	life, keys := v.life, v.source.Keys
	if keys == nil {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, askTime)
		defer cancel()
		entries, more, err := keys(ctx, "/")
		return keysMsg{v, entries, more, err}
	}
}

// await waits for the next write.
func (v *View) await() tea.Cmd {
	life, after, changed := v.life, v.last, v.source.Changed
	if changed == nil {
		return nil
	}
	return func() tea.Msg {
		last, ok := changed(life, after)
		if !ok {
			return nil
		}
		return changedMsg{v, last}
	}
}

// read asks for a key's values.
func (v *View) read() tea.Cmd {
	life, key, history := v.life, v.key, v.source.History
	if key == "" || history == nil {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(life, askTime)
		defer cancel()
		list, err := history(ctx, key, past)
		return valueMsg{v, key, list, err}
	}
}

// Update takes what the screen's own commands bring.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case keysMsg:
		if msg.view == v {
			v.err, v.known = msg.err, true
			if msg.err == nil {
				v.entries, v.more = msg.entries, msg.more
			}
			return v.Sync()
		}
	case changedMsg:
		if msg.view == v {
			v.last = msg.last
			return tea.Batch(v.list(), v.read(), v.await())
		}
	case valueMsg:
		if msg.view == v && msg.key == v.key {
			v.failed = msg.err
			if msg.err == nil {
				v.history = msg.list
			}
			v.refresh()
		}
	}
	return nil
}

// Sync takes over the filter.
func (v *View) Sync() tea.Cmd {
	v.rows = v.rows[:0]
	for _, e := range v.entries {
		rest, ok := strings.CutPrefix(e.Key, v.prefix)
		if !ok || !v.ctx.Fits(e.Key) {
			continue
		}
		name, _, deeper := strings.Cut(rest, "/")
		switch last := len(v.rows) - 1; {
		case v.ctx.Text != "" || !deeper:
			v.rows = append(v.rows, row{name: rest, keys: 1, entry: e})
		case last >= 0 && v.rows[last].name == name+"/":
			v.rows[last].keys++
			v.rows[last].entry.Revision = max(v.rows[last].entry.Revision, e.Revision)
		default:
			v.rows = append(v.rows, row{name: name + "/", keys: 1, entry: stored.Entry{Revision: e.Revision}})
		}
	}
	for i, r := range v.rows {
		if r.name == v.selected {
			v.cur.Cursor = i
		}
	}
	v.clamp()
	return nil
}

func (v *View) clamp() {
	v.cur.Clamp(len(v.rows), max(0, v.h-3))
	if len(v.rows) > 0 {
		v.selected = v.rows[v.cur.Cursor].name
	}
}
