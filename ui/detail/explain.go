package detail

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// help is the explanation of the field under the cursor.
type help struct {
	on    bool
	asked string            // the field that is asked for just now
	texts map[string]string // by field
	// failed is the field that could not be explained, "" if there is none: it is asked for
	// again when one comes back to it.
	failed string
	pager  widget.Pager
	shown  string // the field whose text is in the pager
}

// explainMsg brings the explanation of a field.
type explainMsg struct {
	view  *View
	field string
	text  string
	err   error
}

// explain asks what the field under the cursor means, if that is to be shown and nobody
// has asked before. There is never more than one such question on its way.
func (v *View) explain() tea.Cmd {
	h := &v.yaml.help
	f, ok := v.field()
	if !h.on || h.asked != "" || !ok {
		return nil
	}
	names := f.Names()
	key := strings.Join(names, ".")
	if h.failed != key {
		delete(h.texts, h.failed)
		h.failed = ""
	}
	if _, known := h.texts[key]; known {
		return nil
	}
	h.asked = key
	ref := v.ref
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(v.ctx.Lifetime(), askTime)
		defer cancel()
		// The server knows no names that users made up, such as those of labels: then what
		// is around them is explained.
		var failure error
		for n := len(names); n > 0; n-- {
			text, err := v.backend.Explain(ctx, ref, names[:n])
			if err == nil {
				return explainMsg{view: v, field: key, text: text}
			}
			if failure == nil {
				failure = err
			}
		}
		return explainMsg{view: v, field: key, err: failure}
	}
}

func (v *View) explained(msg explainMsg) {
	h := &v.yaml.help
	if h.texts == nil {
		h.texts = map[string]string{}
	}
	if msg.err != nil {
		msg.text, h.failed = msg.err.Error(), msg.field
	}
	h.texts[msg.field], h.asked = widget.Clean(msg.text), ""
}

func (v *View) toggleHelp() tea.Cmd {
	v.yaml.help.on = !v.yaml.help.on
	v.SetSize(v.w, v.h)
	return v.explain()
}

func (v *View) helpBox(w, h int) string {
	t := v.ctx.Theme
	f, _ := v.field()
	names := strings.Join(f.Names(), ".")
	help := &v.yaml.help
	text, known := help.texts[names]
	tone := theme.Plain
	if !known {
		text, tone = "asking the API server"+t.Icons.Ellipsis, theme.Muted
	}
	var lines []string
	const roomy = 16 // less has room for what counts only: what kind it is of stands above
	if _, about, ok := strings.Cut(text, "\nFIELD: "); ok && h < roomy {
		text = strings.NewReplacer("\n\n", "\n", "DESCRIPTION:\n", "").Replace("FIELD: " + about)
	}
	for _, par := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, l := range widget.Lines(strings.TrimRight(par, " "), w-4) {
			lines = append(lines, " "+t.Tone(tone).Render(l))
		}
	}
	p := &help.pager
	p.SetSize(w-2, h-2)
	p.Set(lines)
	if help.shown != names {
		help.shown = names
		p.Top()
	}
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis, Scroll: p.Position(), Thumb: t.Icons.ScrollThumb,
		Title: t.Key.Render("explain " + widget.Clean(names)),
	}
	return box.Draw(p.View(t.Icons.Ellipsis), w, h)
}

// helpBindings are the keys that move in an explanation; they type nothing, so that they work in the
// editor, too.
func (v *View) helpBindings() keys.Set {
	h := &v.yaml.help
	page := func(by int) func() tea.Cmd {
		return func() tea.Cmd { h.pager.Page(by); return nil }
	}
	off := func() string {
		if !h.on {
			return "nothing is explained"
		}
		return ""
	}
	return keys.Set{
		{Keys: []string{"alt+down", "alt+j"}, Label: "alt+↓", Action: "explain-more", Desc: "more", Long: "read on in what explains the field", Bar: h.on, Disabled: off, Run: page(1)},
		{Keys: []string{"alt+up", "alt+k"}, Label: "alt+↑", Action: "explain-before", Desc: "back", Long: "go back in what explains the field", Disabled: off, Run: page(-1)},
	}
}
