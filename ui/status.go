package ui

import (
	"fmt"
	"strings"

	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// statusLine is the top line: which cluster, how it fares, what it costs. The version and
// the words for states make way for the costs. There is no clock: it would be all that is
// drawn while nothing happens.
func (a *App) statusLine(w int) string {
	t := a.ctx.Theme
	end := t.Tone(theme.Muted).Render("  "+strings.Join(a.costs(), "  ")) + " "
	broken := a.brokenWords()
	var left string
	for _, form := range []struct{ version, words bool }{{true, true}, {false, true}, {true, false}, {false, false}} {
		left = a.fares(broken, form.version, form.words)
		if widget.Width(left)+widget.Width(end) <= w {
			return widget.Spread(left, end, w, t.Icons.Ellipsis)
		}
	}
	return widget.Fit(left, w, t.Icons.Ellipsis)
}

// fares is the cluster's name and how it fares.
func (a *App) fares(broken []string, version, words bool) string {
	t := a.ctx.Theme
	muted := t.Tone(theme.Muted)
	parts := []string{" " + t.Brand.Render(t.Icons.Wave+" "+a.opts.Cluster.Name())}
	if a.frozen() {
		parts = append(parts, a.frozenWord())
	}
	if version && a.version != "" {
		parts = append(parts, muted.Render(a.version))
	}
	if a.ctx.Namespace != "" {
		parts = append(parts, t.Tone(theme.Accent).Render("namespace "+a.ctx.Namespace))
	}
	if a.ctx.Text != "" {
		parts = append(parts, t.Tone(theme.Accent).Render("filter /"+a.ctx.Text))
	}
	parts = append(parts, broken...)
	if word := a.forwardsWord(); word != "" {
		parts = append(parts, word)
	}
	switch {
	case a.past != nil:
		parts = append(parts, a.pastLine())
	case a.ctx.Down:
		parts = append(parts, t.Banner.Render(" "+t.Icons.Warning+" API server does not answer: this is what was last seen "))
	default:
		parts = append(parts, a.nodesWord(), a.podsWord(words))
	}
	return strings.Join(parts, muted.Render("  "))
}

// costs is what the cluster takes of the machine.
func (a *App) costs() []string {
	if a.usage == (usageMsg{}) {
		return nil
	}
	return []string{fmt.Sprintf("%.2f cpu", a.usage.cpu), facts.Bytes(int64(a.usage.mem) << 20)}
}

func (a *App) nodesWord() string {
	t := a.ctx.Theme
	ready, all := 0, len(a.ctx.Snapshot.Nodes)
	for _, n := range a.ctx.Snapshot.Nodes {
		if n.State == facts.Running {
			ready++
		}
	}
	if ready == all {
		return t.Tone(theme.Muted).Render(widget.Plural(all, "node", "nodes"))
	}
	return t.Tone(theme.Warn).Render(fmt.Sprintf("%d of %d nodes Ready", ready, all))
}

// podsWord counts the pods, and names what is not as it should be.
func (a *App) podsWord(words bool) string {
	t := a.ctx.Theme
	n := a.ctx.Snapshot.States
	out := t.Tone(theme.Muted).Render(widget.Plural(len(a.ctx.Snapshot.Pods), "pod", "pods"))
	for s := facts.NotReady; s <= facts.Unknown; s++ {
		if n[s] == 0 || s == facts.Completed {
			continue
		}
		sign, tone := pane.PodSign(a.ctx, s)
		word := fmt.Sprintf("%s %d", sign, n[s])
		if words {
			word += " " + s.String()
		}
		out += "  " + t.Tone(tone).Render(word)
	}
	return out
}
