// Package way sends a packet from a pod, and draws its way hop by hop.
package way

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/inspect"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

// Send sends a packet, and tells what it does meanwhile, until ctx ends.
type Send func(ctx context.Context, progress func(string)) (inspect.Path, error)

// CloseMsg asks to leave the screen.
type CloseMsg struct{}

type (
	stepMsg struct {
		of   *run
		text string
	}
	foundMsg struct {
		of  *run
		way inspect.Path
		err error
	}
)

// run is one packet.
type run struct {
	cancel context.CancelFunc
	ctx    context.Context
	steps  chan string
	began  time.Time
}

// View is the screen.
type View struct {
	ctx      *pane.Context
	from, to string
	send     Send

	run   *run
	steps []string
	// way is what was found; found is false before, err why nothing was.
	way   inspect.Path
	found bool
	err   error
	// all is whether each rule is shown that a packet met, or those only that did something.
	all   bool
	pager widget.Pager
	w, h  int
}

// Open opens the screen, and sends the packet.
func Open(ctx *pane.Context, from, to string, send Send) (*View, tea.Cmd) {
	v := &View{ctx: ctx, from: from, to: to, send: send}
	return v, v.begin()
}

// begin sends a packet.
func (v *View) begin() tea.Cmd {
	ctx, cancel := context.WithCancel(v.ctx.Lifetime())
	// What is not taken yet is a few words at most: there are as many as there are places.
	r := &run{ctx: ctx, cancel: cancel, steps: make(chan string, 64), began: v.ctx.Now}
	v.run, v.steps, v.found, v.err = r, nil, false, nil
	v.refresh()
	send := v.send
	if send == nil {
		return nil
	}
	return tea.Batch(func() tea.Msg {
		defer close(r.steps)
		found, err := send(ctx, func(text string) {
			select {
			case r.steps <- text:
			default:
			}
		})
		return foundMsg{r, found, err}
	}, r.next)
}

// next waits for the next step of a run.
func (r *run) next() tea.Msg {
	select {
	case text, ok := <-r.steps:
		if ok {
			return stepMsg{r, text}
		}
	case <-r.ctx.Done():
	}
	return nil
}

// Running reports whether a packet is on its way.
func (v *View) Running() bool { return v.run != nil }

// Cancel ends the packet that is on its way, and reports whether one was.
func (v *View) Cancel() bool {
	if v.run == nil {
		return false
	}
	v.run.cancel()
	v.run, v.err = nil, errors.New("cancelled")
	v.refresh()
	return true
}

// Close ends what the screen has running.
func (v *View) Close() { v.Cancel() }

// Title names the screen on the help page.
func (v *View) Title() string { return "The way of a packet" }

// Update takes what the screen's own commands bring.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case stepMsg:
		if msg.of == v.run {
			v.steps = append(v.steps, msg.text)
			v.refresh()
			return msg.of.next
		}
	case foundMsg:
		if msg.of == v.run {
			v.run.cancel()
			v.run = nil
			v.way, v.err, v.found = msg.way, msg.err, msg.err == nil
			v.pager.Top()
			v.refresh()
		}
	}
	return nil
}

// Sync draws anew: the theme or the time may be another.
func (v *View) Sync() tea.Cmd {
	v.refresh()
	return nil
}

// SetSize tells the room for the next View.
func (v *View) SetSize(w, h int) {
	if w != v.w || h != v.h {
		v.w, v.h = w, h
		v.pager.SetSize(max(0, w-4), max(0, h-2))
		v.refresh()
	}
}

// Click does nothing: there is nothing to choose.
func (v *View) Click(int, int) tea.Cmd { return nil }

// Scroll moves the view.
func (v *View) Scroll(by int) { v.pager.Scroll(by) }

// Named is what is copied: the way as text.
func (v *View) Named() string { return v.pager.Text() }

// Keys are those of the screen.
func Keys(ctx *pane.Context) keys.Set {
	v, _ := Open(ctx, "", "", nil)
	defer v.Close()
	return v.Bindings()
}

// Bindings are the screen's keys.
func (v *View) Bindings() keys.Set {
	move := func(by int) func() tea.Cmd { return func() tea.Cmd { v.Scroll(by); return nil } }
	back := keys.Binding{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Action: "back", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return CloseMsg{} } }}
	if v.run != nil {
		back.Desc, back.Long = "cancel", "cancel; once more leads back"
		back.Run = func() tea.Cmd { v.Cancel(); return nil }
	}
	running := func() string {
		if v.run != nil {
			return "a packet is on its way: esc cancels"
		}
		return ""
	}
	rules := "all rules"
	if v.all {
		rules = "fewer rules"
	}
	return keys.Set{
		back,
		{Keys: []string{"r"}, Desc: "again", Action: "send-again", Long: "send another packet", Bar: true, Disabled: running, Run: v.begin},
		{Keys: []string{"a"}, Desc: rules, Action: "all-rules", Long: "show each rule that the packet met, or only those that did something to it", Bar: true, Run: func() tea.Cmd {
			v.all = !v.all
			v.refresh()
			return nil
		}},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: move(1)},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: move(-1)},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: func() tea.Cmd { v.pager.Page(1); return nil }},
		{Keys: []string{"pgup"}, Desc: "page up", Run: func() tea.Cmd { v.pager.Page(-1); return nil }},
		{Keys: []string{"g", "home"}, Desc: "top", Run: move(-1 << 20)},
		{Keys: []string{"G", "end"}, Desc: "end", Run: move(1 << 20)},
	}
}
