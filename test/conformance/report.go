package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// outcome is what came of one test.
type outcome struct {
	name, why string
	took      time.Duration
}

// results are those of a whole run, each list by name.
type results struct {
	passed, failed, skipped []outcome
	// suite are failures outside of any test.
	suite []outcome
	took  time.Duration
}

func (r results) ran() int { return len(r.passed) + len(r.failed) }

// verdict is an error if the run proves nothing, or that something fails; ran is how it ended.
func (r results) verdict(ran error) error {
	if ran != nil {
		return fmt.Errorf("%d of %d failed: %w", len(r.failed), r.ran(), ran)
	}
	if r.ran() == 0 {
		return errors.New("no test ran: look with -list what -labels, -focus and -skip leave")
	}
	return nil
}

func readReport(file string) (results, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return results{}, fmt.Errorf("read report: %w", err)
	}
	var reports []types.Report
	if err := json.Unmarshal(data, &reports); err != nil {
		return results{}, fmt.Errorf("parse report: %w", err)
	}
	var r results
	for _, report := range reports {
		r.took += report.RunTime
		for _, spec := range report.SpecReports {
			r.count(spec)
		}
	}
	for _, list := range [][]outcome{r.passed, r.failed, r.skipped} {
		slices.SortFunc(list, func(a, b outcome) int { return strings.Compare(a.name, b.name) })
	}
	return r, nil
}

func (r *results) count(spec types.SpecReport) {
	o := outcome{name: spec.FullText(), why: brief(spec.Failure.Message), took: spec.RunTime}
	if !spec.LeafNodeType.Is(types.NodeTypeIt) {
		if spec.State.Is(types.SpecStateFailureStates) {
			o.name = spec.LeafNodeType.String()
			r.suite = append(r.suite, o)
		}
		return
	}
	switch {
	case spec.State.Is(types.SpecStatePassed):
		r.passed = append(r.passed, o)
	case spec.State.Is(types.SpecStateFailureStates):
		r.failed = append(r.failed, o)
	case o.why != "":
		// Without a reason, it was not asked for.
		r.skipped = append(r.skipped, o)
	}
}

// whyLength is enough for most reasons; all of it is in the log.
const whyLength = 300

// brief puts a message that may have many lines into one.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > whyLength {
		s = string(runes[:whyLength]) + "..."
	}
	return s
}

func (r results) list(out io.Writer) {
	for _, o := range r.passed {
		fmt.Fprintln(out, o.name)
	}
	fmt.Fprintf(out, "%d tests\n", len(r.passed))
}

func (r results) print(out io.Writer) {
	for _, group := range []struct {
		label string
		list  []outcome
	}{{"SKIPPED", r.skipped}, {"FAILED", r.failed}, {"FAILED", r.suite}} {
		for _, o := range group.list {
			fmt.Fprintf(out, "%s  %s\n         %s\n", group.label, o.name, o.why)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped in %s\n", len(r.passed), len(r.failed)+len(r.suite), len(r.skipped), r.took.Round(time.Second))
}

// write keeps the results of a program as a table: how many of each area, then each that did
// not pass.
func (r results) write(file, program string) error {
	areas := make(map[string][3]int)
	for i, list := range [][]outcome{r.passed, r.failed, r.skipped} {
		for _, o := range list {
			area, _, _ := strings.Cut(strings.TrimPrefix(o.name, "["), "]")
			counts := areas[area]
			counts[i]++
			areas[area] = counts
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Program: %s\n\n", program)
	fmt.Fprint(&b, "| area | passed | failed | skipped |\n| --- | --- | --- | --- |\n")
	for _, area := range sortedKeys(areas) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", area, areas[area][0], areas[area][1], areas[area][2])
	}
	fmt.Fprintf(&b, "| all | %d | %d | %d |\n\nTime: %s\n", len(r.passed), len(r.failed), len(r.skipped), r.took.Round(time.Second))
	for _, o := range slices.Concat(r.failed, r.suite) {
		fmt.Fprintf(&b, "\n- failed: %s: %s", o.name, o.why)
	}
	for _, o := range r.skipped {
		fmt.Fprintf(&b, "\n- skipped: %s: %s", o.name, o.why)
	}
	if err := os.WriteFile(file, []byte(b.String()+"\n"), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
