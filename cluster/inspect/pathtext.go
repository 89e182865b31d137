package inspect

import (
	"io"
	"time"
)

// WriteText draws the way hop by hop.
func (way Path) WriteText(w io.Writer) error {
	p := &page{out: w}
	p.line("%s to %s (%s)", way.From, way.To, way.Target)
	if way.Connected {
		p.line("%s after %s", way.Outcome(), way.Took.Round(time.Microsecond))
	} else {
		p.line("%s: %s", way.Outcome(), way.Error)
	}
	writeHops(p, "The first packet", way.There)
	writeHops(p, "The answer", way.Back)
	if t := way.Tracked; t != nil {
		p.title("The sender's node remembers: %s to %s is answered by %s to %s", t.From, t.To, t.ReplyFrom, t.ReplyTo)
	}
	if len(way.Unseen) > 0 {
		p.title("What was not seen")
		for _, text := range way.Unseen {
			p.line("  %s", text)
		}
	}
	return p.err
}

func writeHops(p *page, title string, hops []Hop) {
	if len(hops) == 0 {
		return
	}
	p.title("%s", title)
	where := ""
	for _, hop := range hops {
		if hop.Where != where {
			p.line("  %s", hop.Where)
			where = hop.Where
		}
		for _, change := range hop.Changes {
			p.line("  │      %s", change)
		}
		arrow := "→│ in  "
		if hop.Out {
			arrow = "│→ out "
		}
		p.line("  %s %-12s %s → %s  +%s", arrow, hop.Interface(), hop.From, hop.To, hop.After.Round(time.Microsecond))
		for _, rule := range hop.Rules {
			p.line("  │      %s %s: %s  (%s)", rule.Table, rule.Chain, rule.Rule, rule.Verdict)
		}
	}
}
