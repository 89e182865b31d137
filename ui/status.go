package ui

import (
	"fmt"
	"slices"
	"strings"

	"kubarium/ui/facts"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// statusLine is the top line: which cluster, how it fares, what it costs. The version, the
// words for states and then the states that matter least make way for the costs. There is no
// clock: it would be all that is drawn while nothing happens.
func (a *App) statusLine(w int) string {
	t := a.ctx.Theme
	end := t.Tone(theme.Muted).Render("  "+strings.Join(a.costs(), "  ")) + " "
	broken := a.brokenWords()
	var left string
	forms := []form{{true, true, len(urgent())}, {false, true, len(urgent())}, {true, false, len(urgent())}}
	for n := len(urgent()); n >= 0; n-- {
		forms = append(forms, form{states: n})
	}
	for _, f := range forms {
		left = a.fares(broken, f)
		if widget.Width(left)+widget.Width(end) <= w {
			return widget.Spread(left, end, w, t.Icons.Ellipsis)
		}
	}
	return widget.Fit(a.fares(broken, form{states: len(urgent())}), w, t.Icons.Ellipsis)
}

// form is how the status line tells how the cluster fares: with its version, with words for the
// pods' states, and how many of these at most.
type form struct {
	version, words bool
	states         int
}

// urgent are the states that the status line tells of, those that need a look first.
func urgent() []facts.State {
	return []facts.State{
		facts.Failing, facts.Evicted, facts.NotReady, facts.Restarting, facts.Pending, facts.Pulling, facts.Creating,
		facts.Unknown, facts.Terminating,
	}
}

// fares is the cluster's name and how it fares.
func (a *App) fares(broken []string, f form) string {
	t := a.ctx.Theme
	muted := t.Tone(theme.Muted)
	parts := []string{" " + t.Brand.Render(t.Icons.Wave+" "+a.opts.Cluster.Name())}
	if a.frozen() {
		parts = append(parts, a.frozenWord())
	}
	if f.version && a.version != "" {
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
		parts = append(parts, a.nodesWord(), a.podsWord(f))
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

// podsWord counts the pods, and names what is not as it should be. Of the states that have no
// room, it tells how many pods are in them.
func (a *App) podsWord(f form) string {
	t := a.ctx.Theme
	n := a.ctx.Snapshot.States
	out := t.Tone(theme.Muted).Render(widget.Plural(len(a.ctx.Snapshot.Pods), "pod", "pods"))
	there := slices.DeleteFunc(urgent(), func(s facts.State) bool { return n[s] == 0 })
	told := there[:min(f.states, len(there))]
	for _, s := range slices.Sorted(slices.Values(told)) {
		sign, tone := pane.PodSign(a.ctx, s)
		word := fmt.Sprintf("%s %d", sign, n[s])
		if f.words {
			word += " " + s.String()
		}
		out += "  " + t.Tone(tone).Render(word)
	}
	more := 0
	for _, s := range there[len(told):] {
		more += n[s]
	}
	if more > 0 {
		out += "  " + t.Tone(theme.Warn).Render(fmt.Sprintf("+%d", more))
	}
	return out
}
