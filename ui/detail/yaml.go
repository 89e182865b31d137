package detail

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"kubarium/ui/document"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

// sideBySide is the width from which the explanation stands beside the YAML.
const sideBySide = 110

// manifest is the YAML tab.
type manifest struct {
	doc     document.View
	version string // of the object that is shown
	busy    bool
	err     error
	// managed shows who set which field; all is what is shown of it now.
	managed, all bool
	// stale says that what is shown was just changed.
	stale bool
	w, h  int
	help  help
}

// yamlMsg brings the YAML of an object, read and ready to be shown.
type yamlMsg struct {
	view    *View
	version string
	managed bool
	text    *document.Text
	err     error
}

func (m *manifest) setSize(w, h int) {
	m.w, m.h = w, h
	if m.help.on {
		if w >= sideBySide {
			w = w * 11 / 20
		} else {
			h -= m.helpRows()
		}
	}
	m.doc.SetSize(w, h)
}

// helpRows is the height of the explanation below the YAML.
func (m *manifest) helpRows() int { return max(4, m.h*2/5) }

// syncYAML writes the object as YAML, if it is another one than is shown. What is not in
// the snapshot is asked for, and so is what snapshots leave out.
func (v *View) syncYAML() tea.Cmd {
	d := &v.yaml
	version := v.version()
	shown := d.doc.Len() > 0 && d.managed == d.all && !d.stale
	if d.busy || shown && (version == "" || version == d.version) {
		return nil
	}
	d.busy, d.stale = true, false
	o, ref, managed := v.ctx.Snapshot.Get(v.ref), v.ref, d.managed
	return func() tea.Msg {
		msg := yamlMsg{view: v, version: version, managed: managed}
		if o == nil || managed {
			ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
			defer cancel()
			found, err := v.backend.Object(ctx, ref)
			if err != nil {
				msg.err = err
				return msg
			}
			o = found
		}
		text, err := ToYAML(o, managed)
		if err != nil {
			msg.err = err
			return msg
		}
		msg.text = document.Read(text)
		return msg
	}
}

func (v *View) gotYAML(msg yamlMsg) tea.Cmd {
	d := &v.yaml
	d.busy, d.err, d.version, d.all = false, msg.err, msg.version, msg.managed
	if msg.err != nil {
		return nil
	}
	d.doc.Set(msg.text)
	return tea.Batch(v.Sync(), v.explain()) // it may have changed meanwhile
}

// ToYAML writes an object as kubectl get -o yaml does, with who set which field or without.
func ToYAML(o runtime.Object, managed bool) (string, error) {
	o = o.DeepCopyObject()
	if m, err := meta.Accessor(o); err == nil && !managed {
		m.SetManagedFields(nil)
	}
	if kinds, _, err := scheme.Scheme.ObjectKinds(o); err == nil && len(kinds) > 0 {
		o.GetObjectKind().SetGroupVersionKind(kinds[0])
	}
	b, err := yaml.Marshal(o)
	return string(b), err
}

// field is the one under the cursor, in what is read or what is written.
func (v *View) field() (document.Field, bool) {
	switch {
	case v.editor != nil:
		return v.editor.field()
	case v.tab == pane.YAML:
		return v.yaml.doc.Field()
	}
	return document.Field{}, false
}

// yamlBody is the YAML, and the explanation beside or below it.
func (v *View) yamlBody(w, h int) string {
	m, t := &v.yaml, v.ctx.Theme
	doc := m.doc.View(t)
	if !m.help.on {
		return doc
	}
	if w >= sideBySide {
		left := w * 11 / 20
		return widget.Beside(doc, v.helpBox(w-left, h))
	}
	return doc + "\n" + v.helpBox(w, m.helpRows())
}

func (v *View) noEdit() string {
	if v.gone() {
		return "the object is gone"
	}
	return v.ctx.Refuses("update", v.ref, "")
}

// yamlBindings are the keys of the YAML tab.
func (v *View) yamlBindings() keys.Set {
	if v.tab != pane.YAML {
		return nil
	}
	d := &v.yaml
	then := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return v.explain() }
	}
	managed := "all fields"
	if d.managed {
		managed = "less fields"
	}
	compare := keys.Binding{Keys: []string{"D"}, Action: "applied", Desc: "applied", Long: "compare the object with what was applied, and show who has set what besides", Bar: true, Run: v.toggleDrift}
	if v.drift.on {
		compare.Desc = "YAML"
		return keys.Set{compare}
	}
	return slices.Concat(keys.Set{
		{Keys: []string{"i"}, Desc: "explain", Long: "say what the field under the cursor is for, as the server documents it", Bar: true, Run: v.toggleHelp},
	}, v.helpBindings(), keys.Set{
		{Keys: []string{"enter", "space"}, Label: "enter", Desc: "fold", Long: "hide what is below the field under the cursor, or show it", Bar: true, Run: then(d.doc.Fold)},
		{Keys: []string{"e"}, Desc: "edit", Long: "change the object here; the server checks it before anything happens", Bar: true, Disabled: v.noEdit, Run: v.edit},
		compare,
		{Keys: []string{"z"}, Desc: "fold all", Long: "hide all but the outermost fields, or show everything", Run: then(d.doc.FoldAll)},
		{Keys: []string{"M"}, Action: "managed-fields", Desc: managed, Long: "show who set which field (managedFields), or not", Run: func() tea.Cmd { d.managed = !d.managed; return v.syncYAML() }},
	})
}
