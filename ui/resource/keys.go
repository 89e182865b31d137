package resource

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// CloseMsg asks to leave the table.
type CloseMsg struct{}

// DeleteMsg asks to delete objects, after asking the user.
type DeleteMsg struct{ Refs []watch.Ref }

func send(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }

// current is the row under the cursor.
func (v *View) current() (Row, bool) {
	if v.cur.Cursor < 0 || v.cur.Cursor >= len(v.table.rows) {
		return Row{}, false
	}
	return v.table.rows[v.cur.Cursor], true
}

// Selected is the object under the cursor.
func (v *View) Selected() (watch.Ref, bool) {
	r, ok := v.current()
	return v.kind.Ref(r.Namespace, r.Name), ok
}

// Picked implements pane.Choosing.
func (v *View) Picked() (watch.Ref, bool) { return v.Selected() }

// Named is the name of the selected object.
func (v *View) Named() string {
	r, _ := v.current()
	return r.Name
}

func (v *View) open(tab pane.Tab) tea.Cmd {
	ref, ok := v.Selected()
	if !ok {
		return nil
	}
	return send(pane.OpenMsg{Ref: ref, Tab: tab})
}

// can says why a verb cannot be used: the server has it not, or nothing is selected.
func (v *View) can(verb string) func() string {
	return func() string {
		if !slices.Contains(v.kind.Verbs, verb) {
			return "the server does not " + verb + " " + v.kind.Resource
		}
		r, ok := v.current()
		if !ok {
			return "nothing is selected"
		}
		return v.refuses(verb, r, "")
	}
}

// refuses says why the API server will refuse to do something to an object.
func (v *View) refuses(verb string, r Row, subresource string) string {
	resource := v.kind.Resource
	if subresource != "" {
		resource += "/" + subresource
	}
	return v.ctx.Rights.Why(r.Namespace, verb, v.kind.Group, resource, r.Name)
}

// only says that a key is for some kinds, as a watch.Ref has them, and for those who have the
// right to it.
func (v *View) only(what, verb, subresource string, kinds ...string) func() string {
	return func() string {
		if !slices.Contains(kinds, v.kind.Ref("", "").Kind) {
			return "only " + what
		}
		r, ok := v.current()
		switch {
		case !ok:
			return "nothing is selected"
		case verb != "":
			return v.refuses(verb, r, subresource)
		}
		return ""
	}
}

// prompt does something with the selected object, such as to write the beginning of a command.
func (v *View) prompt(write func(watch.Ref) tea.Cmd) func() tea.Cmd {
	return func() tea.Cmd {
		ref, ok := v.Selected()
		if !ok {
			return nil
		}
		return write(ref)
	}
}

// Bindings are the view's keys.
func (v *View) Bindings() keys.Set {
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return nil }
	}
	set := keys.Set{}
	if v.ctx.Text == "" {
		set = append(set, keys.Binding{Keys: []string{"esc", "backspace"}, Label: "esc", Desc: "back", Bar: true, Run: func() tea.Cmd { return send(CloseMsg{}) }})
	}
	set = append(set, v.objectBindings()...)
	return append(set, keys.Set{
		{Keys: []string{"o"}, Desc: "sort", Long: "sort by the next column", Bar: true, Run: do(v.sortNext)},
		{Keys: []string{"O"}, Desc: "order", Long: "turn the order round", Run: do(func() { v.desc = !v.desc; v.arrange() })},
		{Keys: []string{"w"}, Desc: "wide", Long: "show more columns, or less", Bar: true, Run: do(func() { v.wide = !v.wide; v.arrange() })},
		{Keys: []string{"space"}, Desc: "mark", Long: "mark the object; what deletes, scales, restarts or undoes takes all that are marked", Run: do(v.mark)},
		{Keys: []string{"ctrl+a"}, Desc: "mark all", Long: "mark all that is shown, or nothing", Run: do(v.markAll)},
		{Keys: []string{"ctrl+r"}, Desc: "read anew", Long: "list again; what is watched changes by itself", Run: do(func() {
			if v.feed != nil {
				v.feed.Refresh()
			}
		})},
		{Keys: []string{"down", "j"}, Label: "↓/j", Desc: "down", Run: do(func() { v.move(1) })},
		{Keys: []string{"up", "k"}, Label: "↑/k", Desc: "up", Run: do(func() { v.move(-1) })},
		{Keys: []string{"pgdown", "ctrl+d"}, Label: "pgdn", Desc: "page down", Run: do(func() { v.move(max(1, v.visible())) })},
		{Keys: []string{"pgup", "ctrl+u"}, Label: "pgup", Desc: "page up", Run: do(func() { v.move(-max(1, v.visible())) })},
		{Keys: []string{"right"}, Label: "→", Desc: "columns", Long: "show the columns further right, behind the name", Run: do(func() { v.side++ })},
		{Keys: []string{"left"}, Label: "←", Desc: "columns back", Run: do(func() { v.side = max(0, v.side-1) })},
		{Keys: []string{"g", "home"}, Desc: "first", Run: do(func() { v.move(-len(v.table.rows)) })},
		{Keys: []string{"G", "end"}, Desc: "last", Run: do(func() { v.move(len(v.table.rows)) })},
	}...)
}

// Keys are those of the table of any kind.
func Keys(ctx *pane.Context) keys.Set { return (&View{ctx: ctx}).Bindings() }

func (v *View) objectBindings() keys.Set {
	logging := append([]string{"Pod", "Job", "ReplicaSet"}, pane.Rolling()...)
	forwarding := append([]string{"Pod", "Service", "ReplicaSet"}, pane.Rolling()...)
	// Of what stands for pods, the rights are those to the pods: nobody asks for them here.
	logVerb, forwardVerb := "", ""
	if v.kind.Title() == "pods" {
		logVerb, forwardVerb = "get", "create"
	}
	logs := v.prompt(func(ref watch.Ref) tea.Cmd { return pane.Prompt("logs -f --all-containers", ref) })
	if v.kind.Title() == "pods" {
		logs = func() tea.Cmd { return v.open(pane.Logs) }
	}
	set := keys.Set{
		{Keys: []string{"enter"}, Desc: "open", Long: "open the selected object: describe, YAML, events", Bar: true, Disabled: v.can("get"), Run: func() tea.Cmd { return v.open(pane.Summary) }},
		{Keys: []string{"y"}, Desc: "YAML", Long: "show the object as YAML", Bar: true, Disabled: v.can("get"), Run: func() tea.Cmd { return v.open(pane.YAML) }},
		{Keys: []string{"l"}, Desc: "logs", Long: "follow the logs", Bar: true, Disabled: v.only("what runs containers has logs", logVerb, "log", logging...), Run: logs},
		{Keys: []string{"x"}, Desc: "shell", Long: "open a shell in a container of the pod (kubectl exec -it)", Disabled: v.only("a pod has a shell", "create", "exec", "Pod"), Run: v.prompt(func(ref watch.Ref) tea.Cmd { return send(pane.ShellMsg{Ref: ref}) })},
		{Keys: []string{"e"}, Desc: "edit", Long: "change the object; the server checks it before anything happens", Bar: true, Disabled: v.can("update"), Run: func() tea.Cmd {
			ref, _ := v.Selected()
			return send(pane.OpenMsg{Ref: ref, Tab: pane.YAML, Edit: true})
		}},
	}
	for _, c := range pane.Commands() {
		set = append(set, keys.Binding{
			Keys: []string{c.Key}, Desc: c.Desc, Long: c.Long, Bar: c.Bar && v.only("", "", "", c.Kinds...)() == "",
			Disabled: v.only(c.Only, c.Verb, c.Subresource, c.Kinds...), Run: func() tea.Cmd { return c.Write(v.chosen()...) },
		})
	}
	return append(set, keys.Set{
		{Keys: []string{"F"}, Desc: "forward", Long: "write the command that forwards a port of this machine to it; :forward shows all forwards", Disabled: v.only("pods and what stands for them have ports", forwardVerb, "portforward", forwarding...), Run: func() tea.Cmd {
			ref, _ := v.Selected()
			return send(pane.ForwardMsg{Ref: ref})
		}},
		{Keys: []string{"ctrl+o"}, Desc: "tree", Long: "show what the object owns, and what owns it", Bar: true, Disabled: v.can("get"), Run: func() tea.Cmd {
			ref, _ := v.Selected()
			return send(pane.TreeMsg{Ref: ref})
		}},
		{Keys: []string{"d", "delete"}, Desc: "delete", Long: "delete the object, or all that are marked, after a question", Bar: true, Disabled: v.can("delete"), Run: v.delete},
	}...)
}

// chosen are the objects that are marked, else the one under the cursor. Marks that a filter
// hides do not count: nobody sees what would happen to them.
func (v *View) chosen() []watch.Ref {
	var refs []watch.Ref
	for _, r := range v.table.rows {
		if v.marked[r.UID] {
			refs = append(refs, v.kind.Ref(r.Namespace, r.Name))
		}
	}
	if ref, ok := v.Selected(); ok && len(refs) == 0 {
		refs = append(refs, ref)
	}
	return refs
}

func (v *View) delete() tea.Cmd { return send(DeleteMsg{Refs: v.chosen()}) }

func (v *View) mark() {
	if r, ok := v.current(); ok {
		if v.marked[r.UID] {
			delete(v.marked, r.UID)
		} else {
			v.marked[r.UID] = true
		}
		v.move(1)
	}
}

func (v *View) markAll() {
	if len(v.marked) > 0 {
		clear(v.marked)
		return
	}
	for _, r := range v.table.rows {
		v.marked[r.UID] = true
	}
}

// sortNext goes through the columns that are shown, and then back to the order of names.
func (v *View) sortNext() {
	names := []string{""}
	for _, i := range v.table.columns[min(1, len(v.table.columns)):] {
		names = append(names, v.state.Columns[i].Name)
	}
	at := slices.Index(names, v.sortBy)
	v.sortBy, v.desc = names[(at+1)%len(names)], false
	v.arrange()
}

// sortAt sorts by the column under a cell of the headings; again, the other way round.
func (v *View) sortAt(x int) {
	if len(v.table.rows) == 0 {
		return
	}
	drawn := v.draw(v.cur.Offset, min(len(v.table.rows), v.cur.Offset+v.visible()))
	shown := v.aside()
	at := drawn.ColumnAt(x, v.w-2) - (len(drawn.Columns) - len(shown))
	if at < 0 {
		return
	}
	name := v.state.Columns[shown[at]].Name
	v.sortBy, v.desc = name, name == v.sortBy && !v.desc
	v.arrange()
}
