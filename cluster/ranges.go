package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"kubarium/cluster/network"
)

// chooseNetwork finds addresses for a new cluster that this machine has no routes to.
func chooseNetwork() (*network.Ranges, error) {
	taken, err := network.Taken()
	if err != nil {
		return nil, err
	}
	chosen := network.Choose(taken)
	return &chosen, nil
}

// ranges are the cluster's addresses, also of one that was made before they were chosen.
func (s state) ranges() network.Ranges {
	if s.Network != nil {
		return *s.Network
	}
	return network.Choose(nil)
}

// Notes tell, a sentence each, what of this machine's network is in the way of the
// cluster's, and what was done about it.
func (c *Cluster) Notes() []string {
	var notes []string
	if c.portNote != "" {
		notes = append(notes, c.portNote)
	}
	taken, err := network.Taken()
	if err != nil {
		return append(notes, "Nobody knows whether this machine's network is in the way of the cluster's: "+err.Error()+".")
	}
	return append(notes, c.state.notes(taken)...)
}

func (s state) notes(taken []netip.Prefix) []string {
	usual, used := network.Choose(nil), s.ranges()
	var notes []string
	if used != usual {
		why := ""
		if met := usual.Overlap(taken); len(met) > 0 {
			why = fmt.Sprintf(", as this machine's own network has %s", list(met))
		}
		notes = append(notes, fmt.Sprintf("The cluster uses %s for nodes, %s for pods and %s for services instead of the usual addresses%s.",
			used.Nodes, used.Pods, used.Services, why))
	}
	if met := used.Overlap(taken); len(met) > 0 {
		notes = append(notes, fmt.Sprintf("This machine's own network has %s, which the cluster uses as well: its pods can't reach the machines there; 'kubarium reset' chooses other addresses where there are any.", list(met)))
	}
	return notes
}

// list names ranges, and leaves out those that lie in another of them.
func list(prefixes []netip.Prefix) string {
	var names []string
	for _, p := range prefixes {
		if !slices.ContainsFunc(prefixes, func(o netip.Prefix) bool { return o.Bits() < p.Bits() && o.Contains(p.Addr()) }) {
			names = append(names, p.String())
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
