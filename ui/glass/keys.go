package glass

import (
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
)

// Bindings are the screen's keys.
func (v *View) Bindings() keys.Set {
	back := keys.Binding{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: v.back}
	move := func(by int) func() tea.Cmd { return func() tea.Cmd { v.Scroll(by); return nil } }
	up := keys.Binding{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: move(-1)}
	down := keys.Binding{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: move(1)}
	pages := keys.Set{
		{Keys: []string{"pgdown"}, Label: "pgdn", Desc: "page down", Run: move(10)},
		{Keys: []string{"pgup"}, Desc: "page up", Run: move(-10)},
		{Keys: []string{"end", "G"}, Desc: "newest", Long: "go to the newest event, and follow it", Run: move(keep)},
		{Keys: []string{"home"}, Desc: "oldest", Run: move(-keep)},
	}
	if v.reading() {
		set := keys.Set{back, up, down}
		if v.open != nil && v.open.Component == "etcd" {
			set = append(set, keys.Binding{Keys: []string{"x"}, Desc: "bytes", Long: "show the value as it lies in etcd, or decoded", Bar: true, Run: func() tea.Cmd {
				v.bytes = !v.bytes
				v.refresh()
				return nil
			}})
		}
		return append(set, pages...)
	}
	set := keys.Set{}
	if v.ctx.Text == "" {
		set = append(set, back)
	}
	pause := "pause"
	if v.paused {
		pause = "go on"
	}
	return append(append(set, keys.Set{
		{Keys: []string{"enter"}, Desc: "details", Bar: true, Run: v.show},
		{Keys: []string{"tab", "right", "l"}, Label: "tab", Desc: "next pane", Bar: true, Run: v.turn(1)},
		{Keys: []string{"shift+tab", "left", "h"}, Desc: "pane before", Run: v.turn(-1)},
		{Keys: []string{"space"}, Action: "pause", Desc: pause, Long: "keep the picture still, or let it go on", Bar: true, Run: v.pause},
		{Keys: []string{"r"}, Desc: "reads", Long: "show requests that only read, or leave them out", Bar: true, Run: func() tea.Cmd { v.reads = !v.reads; return v.Sync() }},
		{Keys: []string{"b"}, Desc: "heartbeats", Long: "show how Leases are renewed, and probes find what they found before, or leave that out", Run: func() tea.Cmd { v.beats = !v.beats; return v.Sync() }},
		{Keys: []string{"w"}, Desc: "what waits", Long: "show the scheduler's queues and the controllers'", Bar: true, Disabled: v.noQueues, Run: v.showQueues},
		{Keys: []string{"e"}, Action: "etcd-keys", Desc: "etcd", Long: "browse the keys in etcd, with their values decoded, byte by byte, and as they were", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return EtcdMsg{} } }},
		up, down,
	}...), pages...)
}

func (v *View) noQueues() string {
	if v.sources.Queues == nil {
		return "the queues of a cluster that was started elsewhere are not known"
	}
	return ""
}

// reading reports whether something is shown in detail.
func (v *View) reading() bool { return v.open != nil || v.queued }

func (v *View) back() tea.Cmd {
	if v.reading() {
		v.open, v.queued, v.entry, v.bytes = nil, false, nil, false
		v.SetSize(v.w, v.h)
		return nil
	}
	return func() tea.Msg { return CloseMsg{} }
}

func (v *View) turn(by int) func() tea.Cmd {
	return func() tea.Cmd { v.focus = (v.focus + by + panes) % panes; return nil }
}

func (v *View) pause() tea.Cmd {
	v.paused = !v.paused
	return v.next()
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) {
	if v.reading() {
		v.doc.Scroll(by)
		return
	}
	f := &v.flows[v.focus]
	f.move(by)
	f.clamp(v.visible())
}

// Click selects what is under the mouse; on what is selected it is enter.
func (v *View) Click(x, y int) tea.Cmd {
	if v.reading() {
		return nil
	}
	at, row := v.under(x, y)
	if at < 0 {
		return nil
	}
	again := at == v.focus
	v.focus = at
	f := &v.flows[at]
	if row += f.offset; row < f.offset || row >= len(f.shown) {
		return nil
	}
	if again && row == f.cursor {
		return v.show()
	}
	f.move(row - f.cursor)
	f.clamp(v.visible())
	return nil
}
