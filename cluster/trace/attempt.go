package trace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verbs of the scheduler's events: it found a node for a pod, or none, and then tried to make room
// by preemption. "fail" is that a plugin failed a pod which had a node.
const (
	Schedule = "schedule"
	Refuse   = "refuse"
	Preempt  = "preempt"
)

// IsAttempt reports whether an event is an attempt to find a node, not what came of one.
func IsAttempt(e Event) bool { return e.Verb == Schedule || e.Verb == Refuse }

// Attempt is one attempt of the scheduler's to find a node for a pod, in full.
type Attempt struct {
	Event Event         `json:"event"`
	Nodes []NodeVerdict `json:"nodes"`
	// Filters are the plugins that may refuse a node, in the order in which they are asked.
	// The first that refuses is the last that is asked. Skipped ones found in advance that
	// they have nothing to say of this pod.
	Filters []string `json:"filters"`
	Skipped []string `json:"skipped,omitempty"`
	// Weights are by what the plugins' scores, up to 100, are multiplied.
	Weights map[string]int64 `json:"weights,omitempty"`
	// Then is what came of it: preemption, or the plugins that failed the pod.
	Then []Event `json:"then,omitempty"`
}

// AttemptOf reads an attempt from its event.
func AttemptOf(e Event) (Attempt, error) {
	a := Attempt{Event: e, Filters: split(e.Fields["filters"]), Skipped: split(e.Fields["skipped"])}
	for field, into := range map[string]any{"nodes": &a.Nodes, "weights": &a.Weights} {
		text := e.Fields[field]
		if text == "" {
			return a, fmt.Errorf("event %d has no %s: it was let go before anybody read it", e.Seq, field)
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return a, fmt.Errorf("read %s of event %d: %w", field, e.Seq, err)
		}
	}
	return a, nil
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// Verdict is what a filter said of a node: "passed", "refused", "skipped", "not asked", or that
// it "left out" the node in advance.
func (a Attempt) Verdict(v NodeVerdict, filter string) string {
	switch {
	case slices.Contains(a.Skipped, filter):
		return "skipped"
	case v.LeftOut && slices.Contains(split(v.Plugin), filter):
		return "left out"
	case v.LeftOut:
		return "not asked"
	case v.Fits:
		return "passed"
	case v.Plugin == filter:
		return "refused"
	case slices.Index(a.Filters, filter) < slices.Index(a.Filters, v.Plugin):
		return "passed"
	}
	return "not asked"
}

// Tell tells of the attempt at a depth from 1 to 3: one sentence; the plugins that
// decided; all that each plugin said of each node.
func (a Attempt) Tell(depth int) []string {
	lines := []string{a.sentence()}
	for _, e := range a.Then {
		lines = append(lines, "then: "+e.Detail)
	}
	if depth >= 2 {
		lines = append(lines, a.reasons()...)
	}
	if depth >= 3 {
		lines = append(lines, a.table()...)
	}
	return lines
}

func (a Attempt) sentence() string {
	o := a.Event.Object
	return fmt.Sprintf("Pod %s/%s: %s", o.Namespace, o.Name, cmp.Or(a.Event.Detail, a.Event.Fields["error"]))
}

// reasons are which plugins refused which nodes, and by how much each score of the best
// node differs from the average of all that fit.
func (a Attempt) reasons() []string {
	var lines []string
	if text := a.Event.Fields["preFilter"]; text != "" {
		lines = append(lines, "before any node was looked at: "+text)
	}
	refused := map[string][]string{}
	for _, v := range a.Nodes {
		switch {
		case v.LeftOut:
			why := "before any filter was asked, " + v.Plugin + " left out"
			refused[why] = append(refused[why], v.Node)
		case !v.Fits:
			why := v.Plugin + ": " + strings.Join(v.Reasons, ", ") + " refused"
			refused[why] = append(refused[why], v.Node)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		lines = append(lines, why+" "+strings.Join(refused[why], ", "))
	}
	return append(lines, a.againstAverage()...)
}

func (a Attempt) againstAverage() []string {
	scored := slices.DeleteFunc(slices.Clone(a.Nodes), func(v NodeVerdict) bool { return len(v.Scores) == 0 })
	chosen := slices.IndexFunc(scored, func(v NodeVerdict) bool { return v.Node == a.Event.Fields["node"] })
	if chosen < 0 {
		return nil
	}
	best := scored[chosen]
	type gap struct {
		plugin      string
		own, others float64
	}
	var gaps []gap
	for plugin, own := range best.Scores {
		g := gap{plugin: plugin, own: float64(own)}
		for _, v := range scored {
			g.others += float64(v.Scores[plugin]) / float64(len(scored))
		}
		if g.own != g.others {
			gaps = append(gaps, g)
		}
	}
	slices.SortFunc(gaps, func(a, b gap) int {
		return cmp.Or(cmp.Compare(b.own-b.others, a.own-a.others), cmp.Compare(a.plugin, b.plugin))
	})
	var lines []string
	for _, g := range gaps {
		lines = append(lines, fmt.Sprintf("%s gave %s %.0f points, against %.1f on average (%+.1f)", g.plugin, best.Node, g.own, g.others, g.own-g.others))
	}
	if len(gaps) == 0 {
		lines = append(lines, fmt.Sprintf("all %d nodes that fit scored alike: one of them was picked by chance", len(scored)))
	}
	return lines
}

// table is a line for each filter and each score, and a column for each node.
func (a Attempt) table() []string {
	rows := [][]string{{"FILTER"}}
	for _, v := range a.Nodes {
		rows[0] = append(rows[0], v.Node)
	}
	for _, filter := range a.Filters {
		row := []string{filter}
		for _, v := range a.Nodes {
			row = append(row, a.Verdict(v, filter))
		}
		rows = append(rows, row)
	}
	plugins := map[string]bool{}
	for _, v := range a.Nodes {
		for plugin := range v.Scores {
			plugins[plugin] = true
		}
	}
	if len(plugins) > 0 {
		rows = append(rows, []string{""}, append([]string{"SCORE (WEIGHT)"}, rows[0][1:]...))
	}
	for _, plugin := range slices.Sorted(maps.Keys(plugins)) {
		row := []string{fmt.Sprintf("%s (%d)", plugin, a.Weights[plugin])}
		for _, v := range a.Nodes {
			row = append(row, scoreText(v, v.Scores[plugin]))
		}
		rows = append(rows, row)
	}
	if len(plugins) > 0 {
		row := []string{"TOTAL"}
		for _, v := range a.Nodes {
			row = append(row, scoreText(v, v.Total))
		}
		rows = append(rows, row)
	}
	return columns(rows)
}

func scoreText(v NodeVerdict, score int64) string {
	if len(v.Scores) == 0 {
		return "-"
	}
	return fmt.Sprint(score)
}

// columns aligns rows.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}
