package detail

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// askTime is how long the API server may take to describe an object.
const askTime = 10 * time.Second

var errNoAnswer = errors.New("the API server does not answer")

// textMsg brings a description.
type textMsg struct {
	view    *View
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
	return v.ask(version, v.backend.Describe)
}

func (v *View) ask(version string, get func(context.Context, watch.Ref) (string, error)) tea.Cmd {
	ref := v.ref
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
		defer cancel()
		msg := make(chan textMsg, 1) // kubectl's describers do not look at a context
		go func() {
			text, err := get(ctx, ref)
			msg <- textMsg{view: v, version: version, text: text, err: err}
		}()
		select {
		case m := <-msg:
			return m
		case <-ctx.Done():
			return textMsg{view: v, version: version, err: errNoAnswer}
		}
	}
}

func (v *View) gotText(msg textMsg) tea.Cmd {
	d := &v.describe
	d.busy, d.err = false, msg.err
	d.version = msg.version
	if msg.err == nil {
		d.pager.Set(v.paint(msg.text))
	}
	return v.Sync() // it may have changed meanwhile
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
