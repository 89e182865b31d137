package pane

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

const queueName = 24

// queueSpots are the columns of the pods that wait for a node, as many as fit.
func (p *Tanks) queueSpots() (head string, spots []spot) {
	head = fmt.Sprintf(" scheduler: %s ", widget.Plural(len(p.waiting), "pod waits", "pods wait"))
	x := widget.Width(head)
	first := 0
	if p.outside {
		first = max(0, p.pod-2)
	}
	for i := first; i < len(p.waiting); i++ {
		w := 3 + min(queueName, widget.Width(p.waiting[i].Short))
		if x+w > p.w-6 && i > first {
			break
		}
		spots = append(spots, spot{x: x, w: w, pod: i})
		x += w + 1
	}
	return head, spots
}

// queue is the line outside of all tanks: pods that wait at the scheduler.
func (p *Tanks) queue(focused bool) string {
	t := p.ctx.Theme
	head, spots := p.queueSpots()
	var b strings.Builder
	b.WriteString(t.Tone(theme.Busy).Render(head))
	for _, s := range spots {
		b.WriteString(p.swimmer(p.waiting[s.pod], s.w, true, focused && p.outside && s.pod == p.pod, theme.Ink{}) + " ")
	}
	line := b.String()
	switch last := spots[len(spots)-1]; {
	case last.pod < len(p.waiting)-1:
		line += t.Tone(theme.Muted).Render(fmt.Sprintf("+%d", len(p.waiting)-1-last.pod))
	case len(p.waiting) == 1:
		line += t.Tone(theme.Muted).Render(widget.Clean(whyWaiting(p.waiting[0])))
	}
	return widget.Fit(line, p.w, t.Icons.Ellipsis)
}

// whyWaiting is the scheduler's own word.
func whyWaiting(f *facts.Pod) string {
	for _, c := range f.Object.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

// queueAt is the waiting pod under a cell; -1 for none.
func (p *Tanks) queueAt(x, y int) int {
	if y != 0 || len(p.waiting) == 0 {
		return -1
	}
	_, spots := p.queueSpots()
	for _, s := range spots {
		if x >= s.x && x < s.x+s.w {
			return s.pod
		}
	}
	return -1
}
