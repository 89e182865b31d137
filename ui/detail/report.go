package detail

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"k8s.io/apimachinery/pkg/runtime"

	"kubarium/ui/summary"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// told is the summary tab.
type told struct {
	pager   widget.Pager
	object  runtime.Object // as it was asked for, if it is not in the snapshot
	version string         // of object
	busy    bool
	err     error
	// report is what is told; nil before anything is known.
	report *summary.Report
	// what is the server's own word on the kind, for kinds that are not known here.
	what string
}

// objectMsg brings an object that is not in the snapshot, and what its kind is for.
type objectMsg struct {
	view    *View
	version string
	object  runtime.Object
	what    string
	err     error
}

// syncSummary tells anew what there is to say, since the cluster around the object may
// have changed.
func (v *View) syncSummary() tea.Cmd {
	d := &v.told
	if o := v.ctx.Snapshot.Get(v.ref); o != nil {
		v.tell(o)
		return nil
	}
	if d.object != nil {
		v.tell(d.object)
	}
	version := v.version()
	if d.busy || d.object != nil && (version == "" || version == d.version) || v.gone() {
		return nil
	}
	d.busy = true
	ref, known := v.ref, d.what
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
		defer cancel()
		msg := objectMsg{view: v, version: version, what: known}
		o, err := v.backend.Object(ctx, ref)
		if err != nil {
			msg.err = err
			return msg
		}
		msg.object = o
		if known == "" {
			// Without the server's documentation the rest is still true.
			if text, err := v.backend.Explain(ctx, ref, nil); err == nil {
				msg.what = description(text)
			}
		}
		return msg
	}
}

func (v *View) gotObject(msg objectMsg) tea.Cmd {
	d := &v.told
	d.busy, d.err = false, msg.err
	if msg.err != nil {
		return nil
	}
	d.object, d.version, d.what = msg.object, msg.version, msg.what
	return v.syncSummary()
}

// description is what kubectl explain says between two of its headings.
func description(text string) string {
	_, text, _ = strings.Cut(text, "DESCRIPTION:")
	text, _, _ = strings.Cut(text, "\nFIELDS:")
	return strings.Join(strings.Fields(text), " ")
}

func (v *View) tell(o runtime.Object) {
	r := summary.Of(v.ref, o, v.ctx.Snapshot)
	if r.What == "" {
		r.What = v.told.what
	}
	v.told.report = &r
	v.paintReport()
}

// paintReport makes lines of the summary, as wide as there is room.
func (v *View) paintReport() {
	t, r := v.ctx.Theme, v.told.report
	if r == nil {
		return
	}
	w := max(20, min(v.w-6, 110))
	var lines []string
	heading := func(text string) {
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, t.Key.Render(text))
	}
	put := func(sign string, tone theme.Tone, text string) {
		for i, l := range widget.Lines(widget.Clean(text), w-4) {
			if i > 0 {
				sign = " "
			}
			lines = append(lines, "  "+t.Tone(tone).Render(sign)+" "+t.Text.Render(l))
		}
	}
	list := func(title string, all []string) {
		if len(all) == 0 {
			return
		}
		heading(title)
		for _, text := range all {
			put(t.Icons.Dot, theme.Muted, text)
		}
	}
	if r.What != "" {
		heading("What it is")
		put(" ", theme.Plain, r.What)
	}
	list("What it wants", r.Wants)
	list("What it has", r.Has)
	heading("What is wrong")
	if len(r.Wrong) == 0 {
		put(t.Icons.Check, theme.OK, "Nothing that it or the cluster tells.")
	}
	var try []string
	for _, p := range r.Wrong {
		put(t.Icons.Failing, theme.Bad, p.Text)
		for _, s := range p.Try {
			if !slices.Contains(try, s) {
				try = append(try, s)
			}
		}
	}
	if len(try) > 0 {
		heading("What to try next")
		for _, s := range try {
			put(t.Icons.Arrow, theme.Accent, s)
		}
	}
	v.told.pager.Set(lines)
}
