package detail

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// askTime is how long the API server may take to describe an object.
const askTime = 10 * time.Second

var errNoAnswer = errors.New("the API server does not answer")

// textMsg brings a description, or YAML from elsewhere than the snapshot.
type textMsg struct {
	view    *View
	tab     pane.Tab
	version string
	text    string
	err     error
}

// syncDescribe describes the object again if it has changed. There is never more
// than one such request on its way.
func (v *View) syncDescribe() tea.Cmd {
	version := v.version()
	d := &v.describe
	if d.busy || d.version == version && d.version != "" || v.gone() {
		return nil
	}
	if d.pager.Len() > 0 && version == "" {
		return nil // not watched: described once
	}
	d.busy = true
	return v.ask(pane.Describe, version, v.backend.Describe)
}

func (v *View) ask(tab pane.Tab, version string, get func(context.Context, watch.Ref) (string, error)) tea.Cmd {
	ref := v.ref
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		msg := make(chan textMsg, 1) // kubectl's describers do not look at a context
		go func() {
			text, err := get(ctx, ref)
			msg <- textMsg{view: v, tab: tab, version: version, text: text, err: err}
		}()
		select {
		case m := <-msg:
			return m
		case <-ctx.Done():
			return textMsg{view: v, tab: tab, version: version, err: errNoAnswer}
		}
	}
}

// syncYAML writes the object of the snapshot as YAML. What is not in the snapshot
// is asked for.
func (v *View) syncYAML() tea.Cmd {
	d := &v.yaml
	version := v.version()
	o := v.ctx.Snapshot.Get(v.ref)
	if o == nil {
		if d.busy || d.pager.Len() > 0 && (version == "" || version == d.version) {
			return nil
		}
		d.busy = true
		return v.ask(pane.YAML, version, v.backend.YAML)
	}
	if version == d.version {
		return nil
	}
	text, err := ToYAML(o)
	d.err, d.version = err, version
	if err == nil {
		d.pager.Set(v.paint(text))
	}
	return nil
}

func (v *View) gotText(msg textMsg) tea.Cmd {
	d := &v.describe
	if msg.tab == pane.YAML {
		d = &v.yaml
	}
	d.busy, d.err = false, msg.err
	d.version = msg.version
	if msg.err == nil {
		d.pager.Set(v.paint(msg.text))
	}
	return v.Sync() // it may have changed meanwhile
}

// ToYAML writes an object as kubectl get -o yaml does.
func ToYAML(o runtime.Object) (string, error) {
	o = o.DeepCopyObject()
	if kinds, _, err := scheme.Scheme.ObjectKinds(o); err == nil && len(kinds) > 0 {
		o.GetObjectKind().SetGroupVersionKind(kinds[0])
	}
	b, err := yaml.Marshal(o)
	return string(b), err
}

// paint colours text of keys and values, and makes lines of it.
func (v *View) paint(text string) []string {
	lines := strings.Split(strings.TrimRight(widget.Clean(text), "\n"), "\n")
	for i, l := range lines {
		lines[i] = paintLine(v.ctx.Theme, l)
	}
	return lines
}

// paintLine sets the key at the beginning of a line apart from its value.
func paintLine(t *theme.Theme, line string) string {
	rest := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(rest)]
	dashes := ""
	for strings.HasPrefix(rest, "- ") {
		dashes, rest = dashes+"- ", rest[2:]
	}
	key, value, ok := strings.Cut(rest, ":")
	if !ok || key == "" || value != "" && value[0] != ' ' || strings.ContainsAny(key, "\"'{}=,") || len(key) > 50 {
		return indent + t.Tone(theme.Muted).Render(dashes) + t.Text.Render(rest)
	}
	return indent + t.Tone(theme.Muted).Render(dashes) + t.Tone(theme.Accent).Render(key+":") + t.Text.Render(value)
}
