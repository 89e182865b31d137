package way

import (
	"regexp"
	"strings"
	"time"

	"kubarium/cluster/inspect"
	"kubarium/ui/facts"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

const (
	// wide is from where on the packet and the answer stand beside each other, gap the room
	// between them.
	wide = 116
	gap  = 2
	// stem is where the lines leave the boxes.
	stem = 3
)

// View draws the screen.
func (v *View) View() string {
	t := v.ctx.Theme
	box := widget.Box{
		Border: t.Icons.Border, Style: t.BorderFocus, Ellipsis: t.Icons.Ellipsis, Thumb: t.Icons.ScrollThumb,
		Title: t.Key.Render("Packet " + widget.Clean(v.from) + " " + t.Icons.Arrow + " " + widget.Clean(v.to)), Scroll: v.pager.Position(),
	}
	if v.found {
		box.Right = t.Heading.Render("a real one, seen by the kernel")
	}
	lines := strings.Split(v.pager.View(t.Icons.Ellipsis), "\n")
	if v.run != nil {
		// Its time goes on.
		lines = v.drawSteps(max(0, v.w-4))
		lines = lines[max(0, len(lines)-max(0, v.h-2)):]
	}
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return box.Draw(strings.Join(lines, "\n"), v.w, v.h)
}

// refresh writes anew what is shown.
func (v *View) refresh() {
	w := max(20, v.w-4)
	if v.found {
		v.pager.Set(v.drawFound(w))
		return
	}
	v.pager.Set(v.drawSteps(w))
}

// drawSteps is what has been done so far.
func (v *View) drawSteps(w int) []string {
	t := v.ctx.Theme
	lines := []string{""}
	for i, step := range v.steps {
		sign, style := t.Tone(theme.OK).Render(t.Icons.Check), t.Tone(theme.Muted)
		if i == len(v.steps)-1 && v.run != nil {
			sign, style = t.Tone(theme.Busy).Render(t.Icons.Spinner[v.ctx.Frame%len(t.Icons.Spinner)]), t.Text
		}
		for j, line := range widget.Lines(widget.Clean(step), w-2) {
			if j > 0 {
				sign = " "
			}
			lines = append(lines, sign+" "+style.Render(line))
		}
	}
	switch {
	case v.run != nil && len(v.steps) == 0:
		lines = append(lines, t.Text.Render("Look for the pods"+t.Icons.Ellipsis))
	case v.err != nil:
		for _, line := range widget.Lines("Not sent to its end: "+widget.Clean(v.err.Error())+". r sends another.", w) {
			lines = append(lines, t.Tone(theme.Bad).Render(line))
		}
	}
	if v.run != nil {
		lines = append(lines, "", t.Tone(theme.Muted).Render(facts.Took(v.ctx.Now.Sub(v.run.began).Truncate(time.Second/10))+"  esc cancels"))
	}
	return lines
}

// drawFound is the way there and back.
func (v *View) drawFound(w int) []string {
	t, way := v.ctx.Theme, v.way
	var lines []string
	if way.Connected {
		lines = append(lines, t.Tone(theme.OK).Render(t.Icons.Check+" "+way.Outcome()+" after "+v.span(way.Took)))
	} else {
		lines = append(lines, t.Tone(theme.Bad).Render(t.Icons.Failing+" "+way.Outcome()+": "+widget.Clean(way.Error)))
	}
	lines = append(lines, t.Tone(theme.Muted).Render(widget.Clean(way.From+" as "+way.Source)), t.Tone(theme.Muted).Render(widget.Clean("to "+strings.TrimSuffix(way.To, " "+way.Target)+", "+way.Target)), "")
	if w >= wide {
		col := (w - gap) / 2
		there, back := v.drawWay("The first packet", way.There, col), v.drawWay("The answer", way.Back, col)
		for i := range max(len(there), len(back)) {
			lines = append(lines, widget.Fit(at(there, i), col, t.Icons.Ellipsis)+strings.Repeat(" ", gap)+at(back, i))
		}
	} else {
		lines = append(lines, v.drawWay("The first packet", way.There, w)...)
		lines = append(lines, "")
		lines = append(lines, v.drawWay("The answer", way.Back, w)...)
	}
	return append(lines, v.drawRest(w)...)
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// drawRest is what the node remembers, and what was not seen.
func (v *View) drawRest(w int) []string {
	t := v.ctx.Theme
	var lines []string
	add := func(tone theme.Tone, text string) {
		for _, line := range widget.Lines(widget.Clean(text), w) {
			lines = append(lines, t.Tone(tone).Render(line))
		}
	}
	if k := v.way.Tracked; k != nil {
		lines = append(lines, "")
		arrow := " " + t.Icons.Arrow + " "
		add(theme.Muted, "The sender's node remembers: what goes "+k.From.String()+arrow+k.To.String()+" is answered by "+k.ReplyFrom.String()+arrow+k.ReplyTo.String()+".")
	}
	for i, text := range v.way.Unseen {
		if i == 0 {
			lines = append(lines, "")
		}
		add(theme.Warn, t.Icons.Warning+" "+text)
	}
	return lines
}

// drawWay draws hops as boxes, one for each place, and the addresses on the lines between.
func (v *View) drawWay(title string, hops []inspect.Hop, w int) []string {
	t := v.ctx.Theme
	lines := []string{t.Title.Render(title)}
	if len(hops) == 0 {
		return append(lines, t.Tone(theme.Warn).Render("was seen nowhere"))
	}
	for from := 0; from < len(hops); {
		to := from + 1
		for to < len(hops) && hops[to].Where == hops[from].Where {
			to++
		}
		var before *inspect.Hop
		if from > 0 {
			before = &hops[from-1]
		}
		lines = append(lines, v.drawPlace(hops[from:to], before, to < len(hops), w)...)
		from = to
	}
	return lines
}

// drawPlace draws the line that leads to a place, and the place.
func (v *View) drawPlace(hops []inspect.Hop, before *inspect.Hop, more bool, w int) []string {
	t := v.ctx.Theme
	border, style := t.Icons.Border, v.placeStyle(hops[0].Where)
	var lines []string
	if before != nil {
		if hops[0].From != before.From || hops[0].To != before.To {
			lines = append(lines, v.onWire(*before, nil, w))
			for _, change := range hops[0].Changes {
				lines = append(lines, strings.Repeat(" ", stem)+v.change(change))
			}
		}
		lines = append(lines, v.onWire(hops[0], before, w))
	}
	name := " " + widget.Clean(hops[0].Where) + " "
	top := strings.Repeat(border.Top, stem-1) + border.MiddleBottom
	if before == nil {
		top = strings.Repeat(border.Top, stem)
	}
	fill := max(0, w-2-stem-1-widget.Width(name))
	lines = append(lines, style.Render(border.TopLeft+top+border.Top)+t.Bold.Render(name)+style.Render(strings.Repeat(border.Top, fill)+border.TopRight))
	row := func(text string) {
		lines = append(lines, style.Render(border.Left)+widget.Fit(" "+text, w-2, t.Icons.Ellipsis)+style.Render(border.Right))
	}
	for i, hop := range hops {
		if i > 0 {
			for _, change := range hop.Changes {
				row(v.change(change))
			}
		}
		way := "in  "
		if hop.Out {
			way = "out "
		}
		when := t.Tone(theme.Faint).Render("+" + v.span(hop.After) + " ")
		row(widget.Spread(t.Tone(theme.Muted).Render(way)+t.Text.Render(hop.Interface()), when, w-4, t.Icons.Ellipsis))
		for _, line := range v.rules(hop.Rules, w-6) {
			row(line)
		}
	}
	bottom := strings.Repeat(border.Bottom, w-2)
	if more {
		bottom = strings.Repeat(border.Bottom, stem-1) + border.MiddleTop + strings.Repeat(border.Bottom, max(0, w-2-stem))
	}
	return append(lines, style.Render(border.BottomLeft+bottom+border.BottomRight))
}

// placeStyle tells pods, nodes and what is between them apart; their names do, too.
func (v *View) placeStyle(where string) theme.Ink {
	t := v.ctx.Theme
	switch {
	case strings.HasPrefix(where, "pod "):
		return t.Tone(theme.OK)
	case strings.HasPrefix(where, "the "):
		return t.Tone(theme.Muted)
	}
	return t.Tone(theme.Accent)
}

// onWire is a line between two places, with the addresses that the packet has there.
func (v *View) onWire(hop inspect.Hop, before *inspect.Hop, w int) string {
	t := v.ctx.Theme
	address := func(now, was string) string {
		if before != nil && now != was {
			return t.Tone(theme.Warn).Bold().Render(now)
		}
		return t.Bold.Render(now)
	}
	was := inspect.Hop{}
	if before != nil {
		was = *before
	}
	line := strings.Repeat(" ", stem) + t.Tone(theme.Muted).Render(t.Icons.Border.Left) + "  " +
		address(hop.From, was.From) + t.Tone(theme.Muted).Render(" "+t.Icons.Arrow+" ") + address(hop.To, was.To)
	return widget.Fit(line, w, t.Icons.Ellipsis)
}

// change is a translation: "destination A became B".
func (v *View) change(text string) string {
	t := v.ctx.Theme
	if before, after, ok := strings.Cut(text, " became "); ok {
		return t.Tone(theme.Warn).Render(t.Icons.Cursor+" "+before+" becomes ") + t.Tone(theme.Warn).Bold().Render(after)
	}
	return t.Tone(theme.Warn).Render(t.Icons.Cursor + " " + text)
}

// does finds rules that do something to a packet, beyond sending it to other rules.
func does() *regexp.Regexp {
	return regexp.MustCompile(`\b(dnat|snat|masquerade|redirect|drop|reject|mark set)\b`)
}

// rules are those that a packet met: where they are, and in nft's words.
func (v *View) rules(met []inspect.Met, w int) []string {
	t, special := v.ctx.Theme, does()
	var lines []string
	passed := 0
	for _, m := range met {
		matters := special.MatchString(m.Rule) || special.MatchString(m.Verdict)
		if !matters && !v.all {
			passed++
			continue
		}
		tone := theme.Muted
		if matters {
			tone = theme.Plain
		}
		if strings.Contains(m.Verdict, "drop") {
			tone = theme.Bad
		}
		lines = append(lines, t.Tone(theme.Faint).Render("  "+widget.Clean(m.Table+" "+m.Chain)))
		text := m.Rule
		if m.Verdict != "" {
			text += "  (" + m.Verdict + ")"
		}
		for _, part := range widget.Lines(widget.Clean(strings.TrimSpace(text)), max(10, w-4)) {
			lines = append(lines, t.Tone(tone).Render("    "+part))
		}
	}
	if passed > 0 {
		lines = append(lines, t.Tone(theme.Faint).Render("  "+widget.Plural(passed, "rule", "rules")+" more, which let it go on: a shows them"))
	}
	return lines
}

// span writes a short time.
func (v *View) span(d time.Duration) string {
	text := d.Round(time.Microsecond).String()
	if v.ctx.Theme.Icons.ASCII {
		text = strings.ReplaceAll(text, "µ", "u")
	}
	return text
}
