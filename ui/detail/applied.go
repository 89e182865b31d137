package detail

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/applied"
	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// drift is the YAML tab's other page: what differs from what was applied.
type drift struct {
	on      bool
	pager   widget.Pager
	version string
	busy    bool
	err     error
}

// driftMsg brings what became of what was applied.
type driftMsg struct {
	view    *View
	version string
	report  applied.Report
	err     error
}

func (v *View) toggleDrift() tea.Cmd {
	v.drift.on = !v.drift.on
	return v.Sync()
}

// syncDrift compares, if the object is another one than was compared. Who set which field
// is left out of snapshots, so the server is asked.
func (v *View) syncDrift() tea.Cmd {
	d := &v.drift
	version := v.version()
	if d.busy || d.pager.Len() > 0 && (version == "" || version == d.version) {
		return nil
	}
	d.busy = true
	ref := v.ref
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
		defer cancel()
		msg := driftMsg{view: v, version: version}
		o, err := v.backend.Object(ctx, ref)
		if err == nil {
			msg.report, err = applied.Of(o)
		}
		msg.err = err
		return msg
	}
}

func (v *View) gotDrift(msg driftMsg) tea.Cmd {
	d := &v.drift
	d.busy, d.err, d.version = false, msg.err, msg.version
	if msg.err != nil {
		return nil
	}
	d.pager.Set(v.driftLines(msg.report))
	return v.Sync() // it may have changed meanwhile
}

// driftLines say what differs, and who has set what besides.
func (v *View) driftLines(r applied.Report) []string {
	t := v.ctx.Theme
	muted := t.Tone(theme.Muted)
	ago := func(m applied.Manager) string {
		if m.At.IsZero() {
			return ""
		}
		return ", " + facts.Age(v.ctx.Now.Sub(m.At)) + " ago"
	}
	var lines []string
	switch diff := difference(t, r.Was, r.Is); {
	case r.By == "":
		lines = append(lines, t.Text.Render("Nothing was applied to it: it was made by a command or by a controller, so there is no wish to compare it with."))
	case len(diff) > 0:
		lines = append(lines, t.Tone(theme.Warn).Render(t.Icons.Warning+" What was applied (-) and what it is now (+). Applied by "+widget.Clean(r.By)+ago(applied.Manager{At: r.At})+":"), "")
		lines = append(lines, diff...)
	default:
		lines = append(lines, t.Tone(theme.OK).Render(t.Icons.Check+" All that was applied is as it was applied, by "+widget.Clean(r.By)+ago(applied.Manager{At: r.At})+"."))
	}
	if len(r.Others) > 0 {
		lines = append(lines, "", t.Heading.Render("Who has set what besides"))
	}
	for _, m := range r.Others {
		name := m.Name
		if m.Subresource != "" {
			name += " (" + m.Subresource + ")"
		}
		lines = append(lines, "", muted.Render(widget.Clean(fmt.Sprintf("%s%s", name, ago(m)))))
		for _, f := range m.Fields {
			lines = append(lines, "  "+t.Text.Render(strings.ReplaceAll(widget.Clean(f), "\n", " ")))
		}
	}
	return lines
}
