package path

import (
	"net/netip"
	"slices"
	"time"

	"kubarium/cluster/inspect"
)

// tell puts together what was seen of the connection from a source.
func (w *watch) tell(result *inspect.Path, source netip.AddrPort, q Question) {
	slices.SortStableFunc(w.sights, func(a, b sight) int { return a.at.Compare(b.at) })
	first, ok := w.first(source, q)
	if !ok {
		result.Unseen = append(result.Unseen, "the packet was not seen to leave "+q.Places[0].Name)
		return
	}
	// After a failure, the socket does not know its address any more.
	result.Source = first.from.String()
	there, back := w.identities(first)
	began := time.Time{}
	if at := slices.IndexFunc(w.sights, func(s sight) bool { return there(s.packet) }); at >= 0 {
		began = w.sights[at].at
	}
	if q.Places[0].Rules {
		result.There = append(result.There, inspect.Hop{
			Where: q.Places[0].Name, Out: true, From: first.from.String(), To: first.to.String(), Rules: w.rulesOf(q.Places[0].Name, there),
		})
	}
	result.There = w.hops(result.There, began, there)
	result.Back = w.hops(nil, began, back)
	if len(result.Back) == 0 {
		result.Unseen = append(result.Unseen, "no answer was seen anywhere")
	}
}

// first is the packet as it was sent. On a machine rules have changed it when it is seen to
// leave: there it is the one that met the first of them.
func (w *watch) first(source netip.AddrPort, q Question) (packet, bool) {
	is := func(p packet) bool {
		begins := p.syn && !p.ack
		if w.udp {
			begins = p.udp && p.said == beginningOf(q.Datagram)
		}
		return begins && p.from.Port() == source.Port() && p.to == q.Target
	}
	if q.Places[0].Rules {
		for _, m := range w.met {
			if m.place == q.Places[0].Name && m.hasPacket && is(m.packet) {
				return m.packet, true
			}
		}
	}
	for _, s := range w.sights {
		if s.place == q.Places[0].Name && is(s.packet) {
			return s.packet, true
		}
	}
	return packet{}, false
}

func beginningOf(datagram []byte) (said [saidSize]byte) {
	copy(said[:], datagram)
	return said
}

// identities tell the packet, and its answer, whatever their addresses have become.
func (w *watch) identities(first packet) (there, back func(packet) bool) {
	if !w.udp {
		// Translation of addresses leaves the sequence number alone: it is the packet's name.
		return func(p packet) bool { return p.syn && !p.ack && p.sequence == first.sequence },
			func(p packet) bool { return p.ack && p.acknowledged == first.sequence+1 && (p.syn || p.reset) }
	}
	// A datagram has no name. What it carries is its own, and an answer goes the other way
	// between two addresses that it had; it may carry the same.
	type ways struct{ from, to netip.AddrPort }
	had := map[ways]bool{{first.from, first.to}: true}
	answers := func(p packet) bool { return p.udp && had[ways{p.to, p.from}] }
	for _, s := range w.sights {
		if s.packet.udp && s.packet.said == first.said && !answers(s.packet) {
			had[ways{s.packet.from, s.packet.to}] = true
		}
	}
	return func(p packet) bool { return p.udp && p.said == first.said && had[ways{p.from, p.to}] }, answers
}

// hops are the sights of a packet in order, after those before, with the rules that it met in
// between.
func (w *watch) hops(hops []inspect.Hop, began time.Time, is func(packet) bool) []inspect.Hop {
	for _, s := range w.sights {
		if !is(s.packet) {
			continue
		}
		hop := inspect.Hop{
			Where: s.place, Link: s.link, Out: s.outgoing, After: s.at.Sub(began),
			From: s.packet.from.String(), To: s.packet.to.String(),
		}
		if n := len(hops); n > 0 {
			before := hops[n-1]
			// A packet that is sent again is the same one.
			if slices.ContainsFunc(hops, func(h inspect.Hop) bool { return h.Where == hop.Where && h.Link == hop.Link && h.Out == hop.Out }) {
				continue
			}
			if before.From != hop.From {
				hop.Changes = append(hop.Changes, "source "+before.From+" became "+hop.From)
			}
			if before.To != hop.To {
				hop.Changes = append(hop.Changes, "destination "+before.To+" became "+hop.To)
			}
		}
		if !hop.Out {
			hop.Rules = w.rulesOf(s.place, is)
		}
		hops = append(hops, hop)
	}
	return hops
}
