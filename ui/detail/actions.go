package detail

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/watch"
)

// actionBindings are what can be done with the object that is shown: the same keys as in
// the lists.
func (v *View) actionBindings() keys.Set {
	if v.component != "" {
		return nil
	}
	send := func(msg tea.Msg) func() tea.Cmd {
		return func() tea.Cmd { return func() tea.Msg { return msg } }
	}
	set := keys.Set{}
	if v.ref.Kind == "Pod" {
		set = append(set, keys.Binding{Keys: []string{"x"}, Desc: "shell", Long: "open a shell in a container of the pod (kubectl exec -it)", Bar: true, Disabled: v.refuses("create", "exec"), Run: send(pane.ShellMsg{Ref: v.ref})})
	}
	for _, c := range pane.Commands() {
		if !slices.Contains(c.Kinds, v.ref.Kind) {
			continue
		}
		b := keys.Binding{Keys: []string{c.Key}, Desc: c.Desc, Long: c.Long, Bar: c.Bar, Run: func() tea.Cmd { return c.Write(v.ref) }}
		if c.Verb != "" {
			b.Disabled = v.refuses(c.Verb, c.Subresource)
		}
		set = append(set, b)
	}
	if slices.Contains(append(pane.Rolling(), "Pod", "Service"), v.ref.Kind) {
		set = append(set, keys.Binding{Keys: []string{"F"}, Desc: "forward", Long: "forward a port of this machine to it; :forward shows all forwards", Disabled: v.noForward, Run: send(pane.ForwardMsg{Ref: v.ref})})
	}
	if v.tab != pane.YAML {
		set = append(set, keys.Binding{Keys: []string{"e"}, Desc: "edit", Long: "change the object here; the server checks it before anything happens", Disabled: v.noEdit, Run: v.edit})
	}
	return append(set, keys.Binding{Keys: []string{"d", "delete"}, Desc: "delete", Long: "delete the object, after a question", Disabled: v.noDelete, Run: send(pane.DeleteMsg{Ref: v.ref})})
}

func (v *View) refuses(verb, subresource string) func() string {
	return func() string {
		if v.gone() {
			return "it is gone"
		}
		return v.ctx.Refuses(verb, v.ref, subresource)
	}
}

// noForward says why no port can be forwarded; it is one of a pod in any case.
func (v *View) noForward() string {
	if v.gone() {
		return "it is gone"
	}
	return v.ctx.Refuses("create", watch.Ref{Kind: "Pod", Namespace: v.ref.Namespace}, "portforward")
}

func (v *View) noDelete() string {
	if v.ref.Kind == "Node" && v.ctx.Components != nil {
		return "a node is stopped (s on the map), not deleted"
	}
	return v.refuses("delete", "")()
}
