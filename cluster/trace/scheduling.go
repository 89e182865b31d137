package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// NodeVerdict is what the scheduler's plugins said of one node for one pod. An event of
// an attempt has them as JSON in its field "nodes".
type NodeVerdict struct {
	Node string `json:"node"`
	Fits bool   `json:"fits"`
	// Plugin refused the node, for Reasons.
	Plugin  string   `json:"plugin,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	// LeftOut says that Plugin did so before any filter was asked; where several know which
	// nodes they take, they are all named, with commas.
	LeftOut bool `json:"leftOut,omitempty"`
	// Scores are weighted, one a plugin; there are none when only one node fits.
	Scores map[string]int64 `json:"scores,omitempty"`
	Total  int64            `json:"total,omitempty"`
}

// SortVerdicts returns the verdicts, best node first.
func SortVerdicts(nodes map[string]*NodeVerdict) []NodeVerdict {
	var list []NodeVerdict
	for _, v := range nodes {
		list = append(list, *v)
	}
	slices.SortFunc(list, func(a, b NodeVerdict) int {
		if a.Fits != b.Fits {
			if a.Fits {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Node, b.Node))
	})
	return list
}

// Compare tells in half a sentence how the nodes differ: which plugins tell the best
// from the next, or that only one was left; and how many nobody looked at.
func Compare(sorted []NodeVerdict) string {
	fits, out, by := 0, 0, ""
	for _, v := range sorted {
		if v.Fits {
			fits++
		}
		if v.LeftOut {
			out, by = out+1, v.Plugin
		}
	}
	if len(sorted) == 0 {
		return ""
	}
	text := compareFitting(sorted, fits, len(sorted)-out)
	if out > 0 {
		text += fmt.Sprintf("; %s left out %d before", by, out)
	}
	return text
}

func compareFitting(sorted []NodeVerdict, fits, lookedAt int) string {
	switch {
	case fits < 2:
		return fmt.Sprintf(", the only one that fits of %d looked at", lookedAt)
	case sorted[0].Total == sorted[1].Total:
		return fmt.Sprintf(", of %d that fit; the best score alike, %d", fits, sorted[0].Total)
	}
	text := fmt.Sprintf(", of %d that fit: %d to %d points", fits, sorted[0].Total, sorted[1].Total)
	for _, plugin := range slices.Sorted(maps.Keys(sorted[0].Scores)) {
		if by := sorted[0].Scores[plugin] - sorted[1].Scores[plugin]; by != 0 {
			text += fmt.Sprintf(", %s %+d", plugin, by)
		}
	}
	return text
}
