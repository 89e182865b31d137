package pane

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// How long a change of a pod's state is shown, in which steps, and how many at once
// are still a change that an eye can follow.
const (
	changeTime = 800 * time.Millisecond
	changeStep = 100 * time.Millisecond
	changeMost = 64
)

// Motion remembers which pods have just come or changed.
type Motion struct {
	pods map[types.UID]change
	till time.Time
}

type change struct {
	from    facts.State
	arrived bool
	at      time.Time
}

// Note takes down how now differs from before. The first sight of a cluster is no
// change, and where very many pods change at once none is pointed out.
func (m *Motion) Note(before, now *watch.Snapshot, at time.Time) {
	if !m.Active(at) {
		m.pods = nil
	}
	if len(before.Nodes) == 0 {
		return
	}
	old := before.Pods
	for _, p := range now.Pods {
		// Nearly all are as they were: their names need not be read.
		for len(old) > 0 && old[0] != p && comesBefore(old[0], p) {
			old = old[1:]
		}
		var last *facts.Pod
		if len(old) > 0 && (old[0] == p || old[0].Object.UID == p.Object.UID) {
			last, old = old[0], old[1:]
		}
		switch {
		case last == p, last != nil && last.State == p.State:
		case len(m.pods) >= changeMost:
			return
		case last != nil:
			m.set(p, change{from: last.State, at: at})
		default:
			m.set(p, change{arrived: true, at: at})
		}
	}
}

// comesBefore orders pods as snapshots do.
func comesBefore(a, b *facts.Pod) bool {
	if a.Object.Namespace != b.Object.Namespace {
		return a.Object.Namespace < b.Object.Namespace
	}
	return a.Object.Name < b.Object.Name
}

func (m *Motion) set(p *facts.Pod, c change) {
	if m.pods == nil {
		m.pods = map[types.UID]change{}
	}
	m.pods[p.Object.UID] = c
	m.till = c.at.Add(changeTime)
}

// Active reports whether a change is still to be seen.
func (m *Motion) Active(now time.Time) bool { return now.Before(m.till) }

// sign is a pod's shape and its style: for a moment after a change the old one and
// the new one take turns.
func (p *Tanks) sign(f *facts.Pod) (string, theme.Ink) {
	now, tone := PodSign(p.ctx, f.State)
	style := p.ctx.Theme.Tone(tone)
	c, ok := p.ctx.Motion.pods[f.Object.UID]
	age := p.ctx.Now.Sub(c.at)
	if !ok || age >= changeTime {
		return now, style
	}
	step := max(0, int(age/changeStep))
	switch arriving := p.ctx.Theme.Icons.Arriving; {
	case c.arrived && step/2 < len(arriving):
		return arriving[step/2], style.Bold()
	case !c.arrived && step%2 == 0:
		from, tone := PodSign(p.ctx, c.from)
		return from, p.ctx.Theme.Tone(tone).Bold()
	}
	return now, style.Bold()
}
