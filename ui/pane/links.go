package pane

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	corev1 "k8s.io/api/core/v1"

	"kubarium/ui/facts"
	"kubarium/ui/layout"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

const (
	// branchRoom is between a line's branch to a tank and that tank's right edge, where the
	// marks of its pods are: there is room for how many they are.
	branchRoom = 7
	// tankAround is what a tank has beside pods: its frame, the water line and two bars.
	tankAround = 5
	// mostLetters is how many services have a letter, and markRoom how many of them a pod shows.
	mostLetters, markRoom = 26, 2
)

// links are the services whose lines the map draws, from the top: the chosen one, or all
// that have room if all are chosen.
func (p *Tanks) links() []*facts.Service {
	if p.ctx.Service != nil {
		return []*facts.Service{p.ctx.Service}
	}
	return p.services[:p.lettered(p.grid())]
}

// lettered is how many services have a line of their own, and so a letter.
func (p *Tanks) lettered(g grid) int {
	n := len(p.services)
	switch {
	case g.way >= n:
		return n
	case g.way <= 1:
		return 0
	}
	return g.way - 1 // the last line is for the others
}

// linkLines is how many lines the services may take of h: pods keep room for their names.
func (p *Tanks) linkLines(h int) int {
	switch n := min(len(p.services), mostLetters); {
	case p.ctx.Service != nil:
		return 1
	case n == 0:
		return 0
	case p.w/layout.TankMinWidth < len(p.nodes):
		return 1 // the tanks have several rows, or are lines
	default:
		most := 0
		for _, pods := range p.pods {
			most = max(most, len(pods))
		}
		return max(1, min(n, h-tankAround-most))
	}
}

// orderServices puts the services in the order of their lines: those that select pods, the learner's
// before the system's, then those that lead elsewhere.
func orderServices(list []*facts.Service) {
	rank := func(f *facts.Service) int {
		switch {
		case len(f.Object.Spec.Selector) == 0:
			return 2
		case f.Object.Namespace == "kube-system":
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b *facts.Service) int { return rank(a) - rank(b) })
}

func letter(i int) string { return string(rune('A' + i)) }

// mark is what stands at the right of a pod: the sign of the chosen service, or the letters of
// all that lead to it; "" if none does.
func (p *Tanks) mark(f *facts.Pod) string {
	if p.ctx.Service != nil {
		if leads(p.ctx.Service, f) {
			return p.ctx.Theme.Icons.Led
		}
		return ""
	}
	out := ""
	for i, s := range p.marked {
		if !leads(s, f) {
			continue
		}
		if len(out) == markRoom {
			return out[:markRoom-1] + "+"
		}
		out += letter(i)
	}
	return out
}

// leads reports whether a service leads to a pod.
func leads(s *facts.Service, f *facts.Pod) bool {
	if s.Object.Namespace != f.Object.Namespace {
		return false
	}
	_, ok := s.Backends[f.Object.Name]
	return ok
}

// ways draws the lines of the services to the tanks of their pods.
func (p *Tanks) ways(g grid) string {
	t, links := p.ctx.Theme, p.links()
	first := p.w / 2
	for i := range p.nodes {
		if r := p.cell(i); !r.Empty() {
			first = min(first, branch(r))
		}
	}
	heads, width := make([]string, len(links)), 0
	for i, s := range links {
		name := s.Object.Name
		if p.twice(links, s) {
			name = s.Object.Namespace + "/" + name
		}
		heads[i] = fmt.Sprintf(" %s %s ", name, s.Ports)
		if p.ctx.Service == nil {
			heads[i] = " " + letter(i) + heads[i]
		}
		heads[i] = ansi.Truncate(heads[i], first-1, t.Icons.Ellipsis)
		width = max(width, widget.Width(heads[i]))
	}
	var lines []string
	for i, s := range links {
		lines = append(lines, p.way(s, heads[i], width))
	}
	if len(lines) < g.way {
		lines = append(lines, p.otherLinks(len(links)))
	}
	return strings.Join(lines, "\n")
}

// twice reports whether another service has the same name, in another namespace.
func (p *Tanks) twice(links []*facts.Service, s *facts.Service) bool {
	return slices.ContainsFunc(links, func(o *facts.Service) bool { return o != s && o.Object.Name == s.Object.Name })
}

// otherLinks are the services that have no line of their own.
func (p *Tanks) otherLinks(drawn int) string {
	t, rest := p.ctx.Theme, p.services[drawn:]
	led := 0
	for _, pods := range p.pods {
		for _, f := range pods {
			if slices.ContainsFunc(rest, func(s *facts.Service) bool { return leads(s, f) }) {
				led++
			}
		}
	}
	what := widget.Plural(len(rest), "service leads to ", "services lead to ")
	if drawn > 0 {
		what = widget.Plural(len(rest), "more service leads to ", "more services lead to ")
	}
	line := t.Key.Render(" "+what+widget.Plural(led, "pod", "pods")) + t.Tone(theme.Muted).Render("  v shows one after the other")
	return widget.Fit(line, p.w, t.Icons.Ellipsis)
}

// branch is the column in which a line branches to a tank.
func branch(r layout.Rect) int { return max(r.X, r.Right()-branchRoom) }

// way draws the line of a service to the tanks of its pods, with how many are in each.
func (p *Tanks) way(s *facts.Service, head string, width int) string {
	t := p.ctx.Theme
	at := map[int]int{} // pods by column
	last := -1
	for i := range p.nodes {
		r := p.cell(i)
		if r.Empty() {
			continue
		}
		for _, f := range p.pods[i] {
			if leads(s, f) {
				col := branch(r)
				at[col]++
				last = max(last, col)
			}
		}
	}
	line := t.Key.Render(head) + strings.Repeat(" ", width-widget.Width(head))
	if last < 0 {
		return widget.Fit(line+p.nowhere(s), p.w, t.Icons.Ellipsis)
	}
	var b strings.Builder
	for x := width; x <= last; x++ {
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
	return widget.Fit(line+t.Tone(theme.Accent).Render(b.String()), p.w, t.Icons.Ellipsis)
}

// nowhere says why a service has no line to a tank.
func (p *Tanks) nowhere(s *facts.Service) string {
	t := p.ctx.Theme
	switch {
	case s.Object.Spec.Type == corev1.ServiceTypeExternalName:
		return t.Tone(theme.Muted).Render("is another name of " + widget.Clean(s.Object.Spec.ExternalName))
	case len(s.Backends) > 0:
		return t.Tone(theme.Muted).Render("leads to pods that are not shown")
	case s.Total > 0:
		return t.Tone(theme.Muted).Render("leads to " + widget.Plural(s.Total, "address that is no pod's", "addresses that are no pods'"))
	}
	return t.Tone(theme.Warn).Render("leads to no pod")
}

// Chosen is the service chosen on the map.
func (p *Tanks) Chosen() watch.Ref { return p.service }

// syncServices takes over the services, if all are shown.
func (p *Tanks) syncServices() {
	p.services, p.marked = p.services[:0:0], nil
	if !p.all {
		return
	}
	for _, s := range p.ctx.Snapshot.Services {
		if p.ctx.Shows(s.Object.Namespace, s.Object.Name) {
			p.services = append(p.services, s)
		}
	}
	orderServices(p.services)
}

// nextService chooses all services that are shown, then one after the other; after the last
// one comes none.
func (p *Tanks) nextService(by int) {
	refs := []watch.Ref{{}, {}} // none, and all
	at := 0
	if p.all {
		at = 1
	}
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
	at = (at + by + len(refs)) % len(refs)
	p.service, p.all = refs[at], at == 1
	p.syncServices()
}

func (p *Tanks) noServices() string {
	if len(p.ctx.Snapshot.Services) == 0 {
		return "there are no services"
	}
	return ""
}

// markOf draws a pod's mark in the last cells of its place.
func (p *Tanks) markOf(mark string, w int, bg theme.Ink) string {
	return p.ctx.Theme.Tone(theme.Accent).On(bg).Render(widget.Fit(mark, w, ""))
}
