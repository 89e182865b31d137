package pane

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
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

// led reports whether the chosen service leads to a pod.
func (p *Tanks) led(f *facts.Pod) bool {
	s := p.ctx.Service
	if s == nil || s.Object.Namespace != f.Object.Namespace {
		return false
	}
	_, ok := s.Backends[f.Object.Name]
	return ok
}

// way draws the line of the chosen service to the tanks of its pods: one branch to
// each tank that holds some, with how many.
func (p *Tanks) way() string {
	t, s := p.ctx.Theme, p.ctx.Service
	head := fmt.Sprintf(" %s %s ", s.Object.Name, s.Ports)
	at := map[int]int{} // pods by column
	last := -1
	for i := range p.nodes {
		r := p.cell(i)
		if r.Empty() {
			continue
		}
		for _, f := range p.pods[i] {
			if p.led(f) {
				col := r.X + r.W/2
				at[col]++
				last = max(last, col)
			}
		}
	}
	head = ansi.Truncate(head, p.w/2, t.Icons.Ellipsis)
	var b strings.Builder
	for x := widget.Width(head); x <= last; x++ {
		n := at[x]
		switch {
		case n > 0 && x == last:
			fmt.Fprintf(&b, "%s %d", t.Icons.LineEnd, n)
		case n > 0:
			mark := fmt.Sprintf("%s %d ", t.Icons.LineDown, n)
			b.WriteString(mark)
			x += widget.Width(mark) - 1
		default:
			b.WriteString(t.Icons.Line)
		}
	}
	line := t.Key.Render(head) + t.Tone(theme.Accent).Render(b.String())
	if len(s.Backends) == 0 {
		none := "leads to no pod"
		if s.Total > 0 {
			none = "leads to " + widget.Plural(s.Total, "address that is no pod's", "addresses that are no pods'")
		}
		line += t.Tone(theme.Warn).Render(none)
	}
	return widget.Fit(line, p.w, t.Icons.Ellipsis)
}

// Chosen is the service chosen on the map.
func (p *Tanks) Chosen() watch.Ref { return p.service }

// nextService chooses the next of the services that are shown; after the last one
// comes none.
func (p *Tanks) nextService(by int) {
	refs := []watch.Ref{{}}
	at := 0
	for _, s := range p.ctx.Snapshot.Services {
		o := s.Object
		if !p.ctx.Shows(o.Namespace, o.Name) {
			continue
		}
		ref := watch.Ref{Kind: "Service", Namespace: o.Namespace, Name: o.Name}
		if ref == p.service {
			at = len(refs)
		}
		refs = append(refs, ref)
	}
	p.service = refs[(at+by+len(refs))%len(refs)]
}

func (p *Tanks) noServices() string {
	if len(p.ctx.Snapshot.Services) == 0 {
		return "there are no services"
	}
	return ""
}
