package play

import (
	"context"
	"slices"
	"strings"

	"kubarium/cluster/inspect"
	"kubarium/lessons"
)

// followRules keeps the packet rules at which a step looks up to date, until ctx ends.
func (p *Player) followRules(ctx context.Context, step *lessons.Step) {
	clear(p.store.rules)
	g, ok := p.env.Control.(glass)
	if !ok {
		return
	}
	space := p.lesson.Space()
	for _, of := range p.lesson.RulesOf(step) {
		go p.followService(ctx, g, space, of)
	}
}

func (p *Player) followService(ctx context.Context, g glass, space string, of lessons.RulesOf) {
	tell := func(r lessons.Rules) {
		p.do(func() {
			if ctx.Err() == nil && !p.frozen {
				p.store.rules[of] = r
			}
		})
	}
	for ctx.Err() == nil {
		// It ends when there is no such Service (yet), or the node goes: nothing tells when
		// to begin again.
		_ = g.InspectService(ctx, space, of.Service, of.Node, true, func(s inspect.Service) error {
			tell(rulesFrom(s))
			return ctx.Err()
		})
		tell(lessons.Rules{})
		select {
		case <-p.env.Clock.After(probePause):
		case <-ctx.Done():
		}
	}
}

func rulesFrom(s inspect.Service) lessons.Rules {
	r := lessons.Rules{Seen: true, Node: s.Node}
	for _, door := range s.Doors {
		r.Doors = append(r.Doors, map[string]any{"map": door.Map, "match": door.Match, "verdict": door.Verdict})
		addEndpoints(&r, door.Chain)
	}
	var text strings.Builder
	// It is written into memory.
	_ = s.WriteText(&text)
	r.Text = text.String()
	return r
}

func addEndpoints(r *lessons.Rules, chain *inspect.Chain) {
	if chain == nil {
		return
	}
	for _, rule := range chain.Rules {
		for _, e := range rule.Endpoints {
			if !slices.Contains(r.Endpoints, e.Address) {
				r.Endpoints = append(r.Endpoints, e.Address)
			}
		}
		for _, next := range rule.Chains {
			addEndpoints(r, next)
		}
	}
}
