package etcd

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/stored"
	"kubarium/ui/document"
	"kubarium/ui/keys"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// The ways to look at a key.
const (
	decoded = iota
	bytes
	before
	tabs
)

// Bindings are the screen's keys.
func (v *View) Bindings() keys.Set {
	move := func(by int) func() tea.Cmd { return func() tea.Cmd { v.Scroll(by); return nil } }
	moves := keys.Set{
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: move(-1)},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: move(1)},
		{Keys: []string{"pgdown", "space"}, Label: "pgdn", Desc: "page down", Run: move(10)},
		{Keys: []string{"pgup"}, Desc: "page up", Run: move(-10)},
		{Keys: []string{"home"}, Desc: "top", Run: move(-1 << 20)},
		{Keys: []string{"end", "G"}, Desc: "end", Run: move(1 << 20)},
	}
	if v.key != "" {
		return append(keys.Set{
			{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: v.up},
			{Keys: []string{"tab", "x"}, Label: "tab", Desc: "decoded, bytes, before", Action: "next-view", Long: "show the value decoded, as it lies in etcd, or what each write changed", Bar: true, Run: v.turn},
		}, moves...)
	}
	set := keys.Set{{Keys: []string{"enter", "right", "l"}, Label: "enter", Desc: "open", Bar: true, Run: v.enter}}
	if v.ctx.Text == "" {
		set = append(set, keys.Binding{Keys: []string{"left", "h"}, Label: "←/h", Desc: "up a directory", Bar: true, Run: v.up},
			keys.Binding{Keys: []string{"esc"}, Desc: "back", Bar: true, Run: func() tea.Cmd { return func() tea.Msg { return CloseMsg{} } }})
	}
	return append(set, moves...)
}

// enter opens a directory or a key.
func (v *View) enter() tea.Cmd {
	if v.cur.Cursor >= len(v.rows) {
		return nil
	}
	r := v.rows[v.cur.Cursor]
	if r.directory() && r.entry.Key == "" {
		v.prefix += r.name
		v.selected, v.cur = "", widget.List{}
		return v.Sync()
	}
	v.key, v.history, v.failed, v.tab = r.entry.Key, nil, nil, decoded
	v.doc = document.View{}
	v.SetSize(v.w, v.h)
	v.refresh()
	return v.read()
}

// up leaves a key, then a directory.
func (v *View) up() tea.Cmd {
	if v.key != "" {
		v.key = ""
		return v.Sync()
	}
	parent := v.prefix[:strings.LastIndex(strings.TrimSuffix(v.prefix, "/"), "/")+1]
	if parent == "" {
		return nil
	}
	v.selected, v.prefix = strings.TrimPrefix(v.prefix, parent), parent
	return v.Sync()
}

func (v *View) turn() tea.Cmd {
	v.tab = (v.tab + 1) % tabs
	v.doc = document.View{}
	v.SetSize(v.w, v.h)
	v.refresh()
	return nil
}

// refresh writes anew what is shown of a key.
func (v *View) refresh() {
	switch {
	case v.key == "":
		return
	case v.failed != nil:
		v.doc.Set(document.Read("# " + v.failed.Error()))
	case len(v.history) == 0:
		v.doc.Set(document.Read("# asking etcd"))
	case v.tab == bytes:
		v.doc.Set(document.Read(hex.Dump(v.history[0].Value)))
	case v.tab == before:
		v.doc.Set(document.Read(v.changes()))
	default:
		v.doc.Set(document.Read(v.value()))
	}
}

func (v *View) value() string {
	e := v.history[0]
	text := fmt.Sprintf("# revision %d, of %d; write %d; %d bytes; %s\n", e.Revision, e.Created, e.Writes, e.Size, lease(e.Lease))
	object, err := stored.Decode(e.Value)
	if err != nil {
		return text + "# " + err.Error() + ": tab shows the bytes\n"
	}
	data, err := yaml.Marshal(object.Object)
	if err != nil {
		return text + "# " + err.Error() + "\n"
	}
	return text + string(data)
}

func lease(id int64) string {
	if id == 0 {
		return "no lease"
	}
	return "lease " + strconv.FormatInt(id, 16)
}

// changes are the writes that etcd still has, the newest first, with what each changed.
func (v *View) changes() string {
	var b strings.Builder
	for i, e := range v.history {
		fmt.Fprintf(&b, "revision %d: # write %d, %d bytes\n", e.Revision, e.Writes, e.Size)
		if i+1 == len(v.history) {
			continue
		}
		changed, err := stored.Change(&v.history[i+1], e)
		if err != nil {
			fmt.Fprintf(&b, "  # %s\n", err)
		}
		for _, line := range changed {
			b.WriteString("  - " + strconv.Quote(line) + "\n")
		}
	}
	return b.String()
}

// SetSize tells the room for the next View.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.doc.SetSize(w-2, h-2)
	v.clamp()
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) {
	if v.key != "" {
		v.doc.Scroll(by)
		return
	}
	v.cur.Move(by, len(v.rows))
	v.clamp()
}

// Click selects the row under the mouse; on the selected one it is enter.
func (v *View) Click(_, y int) tea.Cmd {
	at := v.cur.Offset + y - 2
	if v.key != "" || y < 2 || y >= v.h-1 || at >= len(v.rows) {
		return nil
	}
	if at == v.cur.Cursor {
		return v.enter()
	}
	v.Scroll(at - v.cur.Cursor)
	return nil
}

// View draws the screen.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis, Thumb: t.Icons.ScrollThumb}
	if v.key != "" {
		box.Title, box.Scroll = t.Key.Render(widget.Clean(v.key)), v.doc.Position()
		box.Right = t.Heading.Render([tabs]string{"decoded", "bytes", "before"}[v.tab])
		return box.Draw(v.doc.View(t), v.w, v.h)
	}
	box.Title = t.Key.Render("etcd " + widget.Clean(v.prefix))
	box.Right = t.Heading.Render(widget.Plural(len(v.entries), "key", "keys"))
	if v.more {
		box.Right = t.Tone(theme.Warn).Render("not all keys")
	}
	if len(v.rows) == 0 {
		return box.Draw(widget.Center(t.Tone(theme.Muted).Render(v.none()), v.w-2, v.h-2), v.w, v.h)
	}
	box.Scroll = &widget.Scroll{Offset: v.cur.Offset, Visible: max(0, v.h-3), Total: len(v.rows)}
	return box.Draw(v.table().Draw(v.w-2, v.h-2), v.w, v.h)
}

func (v *View) none() string {
	switch {
	case v.err != nil:
		return widget.Clean(v.err.Error())
	case !v.known:
		return "asking etcd" + v.ctx.Theme.Icons.Ellipsis
	case v.ctx.Text != "":
		return "Nothing fits the filter: esc clears it."
	}
	return "Nothing is here."
}

func (v *View) table() widget.Table {
	t := v.ctx.Theme
	table := widget.Table{
		Columns: []widget.Column{{Title: "KEY", Min: 20, Room: 40}, {Title: "KEYS", Right: true, Drop: 2}, {Title: "REVISION", Right: true}, {Title: "WRITES", Right: true, Drop: 1}, {Title: "LEASE", Drop: 3}},
		Heading: t.Heading, Selected: t.Selected, Cursor: v.cur.Cursor, Offset: v.cur.Offset, Focused: true,
		Ellipsis: t.Icons.Ellipsis, Marker: t.Icons.Cursor,
	}
	cell := func(s string, tone theme.Tone) widget.Cell { return widget.Cell{Text: s, Style: t.Tone(tone)} }
	for _, r := range v.rows {
		if r.entry.Key == "" {
			table.Rows = append(table.Rows, []widget.Cell{cell(widget.Clean(r.name), theme.Accent), cell(strconv.Itoa(r.keys), theme.Plain), cell(fmt.Sprint(r.entry.Revision), theme.Muted), {}, {}})
			continue
		}
		held := ""
		if r.entry.Lease != 0 {
			held = strconv.FormatInt(r.entry.Lease, 16)
		}
		table.Rows = append(table.Rows, []widget.Cell{cell(widget.Clean(r.name), theme.Plain), {}, cell(fmt.Sprint(r.entry.Revision), theme.Plain), cell(fmt.Sprint(r.entry.Writes), theme.Muted), cell(held, theme.Faint)})
	}
	return table
}
