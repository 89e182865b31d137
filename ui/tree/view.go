// Package tree shows what an object owns, and what owns it: from a Deployment down to the
// processes of its containers, and whatever else hangs together by ownerReferences.
package tree

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/cluster/process"
	"kubarium/ui/pane"
	"kubarium/ui/resource"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// Processes lists what runs in containers, by their IDs.
type Processes func(ctx context.Context, ids []string) (map[string][]process.Process, error)

// Options are where a tree gets what is in it.
type Options struct {
	Source  resource.Source
	Catalog *resource.Catalog
	// Processes may be nil: then nobody knows.
	Processes Processes
	// Every is how often processes are looked for, since the kernel tells nobody that a
	// cgroup has others now; 0 is only when an object changes.
	Every time.Duration
}

// CloseMsg asks to leave the tree.
type CloseMsg struct{}

// treeMsg brings what a view's follower has.
type treeMsg struct {
	view *View
	from *follower
	tree Tree
}

// processMsg brings the processes of containers; lookMsg says that it is time to look
// again.
type (
	processMsg struct {
		view  *View
		found map[string][]process.Process
		err   error
	}
	lookMsg struct{ view *View }
)

// View is the tree of one object.
type View struct {
	ctx *pane.Context
	Options
	ref watch.Ref

	follower *follower
	tree     Tree
	known    bool
	running  map[string][]process.Process
	looking  bool
	closed   bool

	lines    []line
	folded   map[string]bool
	cur      widget.List
	selected string
	moved    bool
	w, h     int
}

// Open shows the tree that an object is in.
func Open(ctx *pane.Context, o Options, ref watch.Ref) (*View, tea.Cmd) {
	v := &View{ctx: ctx, Options: o, ref: ref, folded: map[string]bool{}}
	v.follower = follow(o.Source, o.Catalog, ref)
	return v, v.wait()
}

func (v *View) wait() tea.Cmd {
	f := v.follower
	return func() tea.Msg {
		tree, open := f.next()
		if !open {
			return nil
		}
		return treeMsg{view: v, from: f, tree: tree}
	}
}

// Title names the view on the help page.
func (v *View) Title() string { return "Tree" }

// Filtered says that the filter chooses what is shown.
func (v *View) Filtered() bool { return true }

// Ref is the object whose tree it is.
func (v *View) Ref() watch.Ref { return v.ref }

// Close ends what the view has running.
func (v *View) Close() {
	v.closed = true
	v.follower.close()
}

// Version is the version of an object that is followed, "" if it is not there.
func (v *View) Version(ref watch.Ref) string { return v.tree.versions[ref] }

// Sync takes over what has changed in the cluster, and the filter.
func (v *View) Sync() tea.Cmd {
	v.arrange()
	return v.look()
}

// Update takes what the view's own commands bring.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case treeMsg:
		if msg.view == v && msg.from == v.follower {
			v.tree, v.known = msg.tree, v.known || msg.tree.Root != nil
			v.arrange()
			return tea.Batch(v.wait(), v.look())
		}
	case processMsg:
		if msg.view == v {
			if msg.err == nil {
				v.running = msg.found
				v.arrange()
			}
			if v.Every == 0 {
				v.looking = false
				return nil
			}
			return tea.Tick(v.Every, func(time.Time) tea.Msg { return lookMsg{v} })
		}
	case lookMsg:
		if msg.view == v {
			v.looking = false
			return v.look()
		}
	}
	return nil
}

// look looks for the processes of the containers in the tree, never twice at a time.
func (v *View) look() tea.Cmd {
	if v.Processes == nil || v.looking || v.closed {
		return nil
	}
	ids := v.containerIDs()
	if len(ids) == 0 {
		return nil
	}
	v.looking = true
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), 10*time.Second)
		defer cancel()
		found, err := v.Processes(ctx, ids)
		return processMsg{view: v, found: found, err: err}
	}
}

// arrange makes the lines anew, and keeps the cursor on its object.
func (v *View) arrange() {
	v.lines = v.flatten()
	want := func(l line) bool { return l.id == v.selected }
	if !v.moved {
		want = func(l line) bool { return l.ref == v.ref && l.container == "" }
	}
	if i := slices.IndexFunc(v.lines, want); i >= 0 {
		v.cur.Cursor = i
	}
	v.clamp()
}

func (v *View) clamp() {
	v.cur.Clamp(len(v.lines), v.visible())
	if v.moved && len(v.lines) > 0 {
		v.selected = v.lines[v.cur.Cursor].id
	}
}

func (v *View) visible() int { return max(0, v.h-3) }

// SetSize tells the room, frame included.
func (v *View) SetSize(w, h int) {
	v.w, v.h = w, h
	v.clamp()
}

// Scroll moves the cursor.
func (v *View) Scroll(by int) { v.move(by) }

func (v *View) move(by int) {
	v.moved = true
	v.cur.Move(by, len(v.lines))
	v.clamp()
}

// Click selects the line under the mouse; on the selected one it is enter.
func (v *View) Click(_, y int) tea.Cmd {
	row := v.cur.Offset + y - 2
	if y < 2 || y >= v.h-1 || row >= len(v.lines) {
		return nil
	}
	if row == v.cur.Cursor {
		return v.open(pane.Summary)
	}
	v.move(row - v.cur.Cursor)
	return nil
}

// View draws the tree.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis,
		Title: t.Key.Render("Tree of " + widget.Clean(v.name())), Right: t.Heading.Render(v.count()),
		Scroll: &widget.Scroll{Offset: v.cur.Offset, Visible: v.visible(), Total: len(v.lines)}, Thumb: t.Icons.ScrollThumb,
	}
	if len(v.lines) == 0 {
		return box.Draw(v.none(), v.w, v.h)
	}
	return box.Draw(v.table().Draw(v.w-2, v.h-2), v.w, v.h)
}

func (v *View) name() string {
	if v.ref.Namespace != "" {
		return v.ref.Namespace + " " + v.ref.String()
	}
	return v.ref.String()
}

// count says what is missing from the tree, else how much is in it.
func (v *View) count() string {
	switch {
	case v.tree.Waiting > 0:
		return widget.Plural(v.tree.Waiting, "kind", "kinds") + " to come"
	case len(v.tree.Refused) > 0:
		return "without " + widget.Plural(len(v.tree.Refused), "kind", "kinds") + " that the server does not show"
	}
	return widget.Plural(len(v.lines), "line", "lines")
}

// none says why there are no lines.
func (v *View) none() string {
	t := v.ctx.Theme
	text, tone := "asking the API server"+t.Icons.Ellipsis, theme.Muted
	switch {
	case v.tree.Root != nil:
		text = "Nothing fits the filter: esc clears it."
	case v.known:
		text, tone = v.name()+" is gone, and what owned it.", theme.Warn
	case v.follower.asked(v.ref) != nil:
		text, tone = v.follower.asked(v.ref).Error(), theme.Bad
	case v.tree.versions != nil && v.tree.Waiting == 0:
		text, tone = "There is no "+v.name()+".", theme.Warn
	}
	var lines []string
	for _, l := range widget.Lines(widget.Clean(text), max(1, min(v.w-6, 90))) {
		lines = append(lines, t.Tone(tone).Render(l))
	}
	return widget.Center(strings.Join(lines, "\n"), v.w-2, v.h-2)
}
