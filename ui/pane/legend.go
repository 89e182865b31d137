package pane

import (
	"fmt"
	"strings"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

// legend says what the shapes mean.
func (p *Tanks) legend() string {
	t := p.ctx.Theme
	still := *p.ctx
	still.Frame = 0
	line, room := "", p.w
	add := func(sign string, tone theme.Tone, word string) {
		if need := widget.Width(sign) + widget.Width(word) + 2; need <= room {
			line += " " + t.Tone(tone).Render(sign) + " " + t.Tone(theme.Faint).Render(word)
			room -= need + 1
		}
	}
	// What is to be seen comes first, since there may be no room for all.
	seen := p.ctx.Snapshot.States
	for i, n := range p.nodes {
		if p.dry(n) {
			seen[facts.Unknown] += len(p.pods[i])
		}
	}
	for _, there := range []bool{true, false} {
		for s := facts.Running; s <= facts.Unknown; s++ {
			if sign, tone := PodSign(&still, s); there == (seen[s] > 0) {
				add(sign, tone, s.String())
			}
		}
		if there && len(p.ctx.NodeUse) > 0 && room > 26 {
			add(t.Icons.BarBoth, theme.Accent, "used")
			add(t.Icons.BarAsked, theme.Accent, "requested")
		}
	}
	return widget.Fit(line, p.w, t.Icons.Ellipsis)
}

// about tells of what is selected.
func (p *Tanks) about() string {
	t := p.ctx.Theme
	list := p.here()
	if p.pod < 0 || p.pod >= len(list) {
		return p.aboutNode()
	}
	f := list[p.pod]
	sign, tone := PodSign(p.ctx, f.State)
	words := []string{t.Bold.Render(f.Object.Namespace + "/" + f.Object.Name), t.Tone(tone).Render(sign + " " + f.State.String())}
	if f.Word != "" && !strings.EqualFold(f.Word, f.State.String()) {
		words = append(words, t.Tone(tone).Render(f.Word))
	}
	muted := []string{fmt.Sprintf("%d/%d ready", f.Ready, f.Total)}
	if f.Restarts > 0 {
		muted = append(muted, widget.Plural(f.Restarts, "restart", "restarts"))
	}
	if f.Owner != "" {
		muted = append(muted, "of "+f.Owner)
	}
	muted = append(muted, facts.Age(p.ctx.Now.Sub(f.Object.CreationTimestamp.Time)))
	words = append(words, t.Tone(theme.Muted).Render(strings.Join(muted, "  ")))
	return widget.Fit(" "+strings.Join(words, "  "), p.w, t.Icons.Ellipsis)
}

func (p *Tanks) aboutNode() string {
	t := p.ctx.Theme
	if len(p.nodes) == 0 {
		return ""
	}
	n := p.nodes[p.cursor]
	sign, tone, word := p.state(n)
	text := fmt.Sprintf("%s   requested: cpu %s of %s, memory %s of %s", widget.Plural(len(n.Pods), "pod", "pods"),
		facts.Cores(n.CPU.Requested), facts.Cores(n.CPU.Allocatable), facts.Bytes(n.Memory.Requested), facts.Bytes(n.Memory.Allocatable))
	if u, ok := p.ctx.NodeUse[n.Object.Name]; ok {
		text += fmt.Sprintf("   used: %s, %s", facts.Cores(u.Millicores()), facts.Bytes(int64(u.Memory)))
	}
	line := " " + t.Bold.Render(n.Object.Name) + "  " + t.Tone(tone).Render(sign+" "+word) + "  " + t.Tone(theme.Muted).Render(text)
	return widget.Fit(line, p.w, t.Icons.Ellipsis)
}
