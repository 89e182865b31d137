package lesson

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"kubarium/ui/theme"
)

// TestTablesAreLists proves that a table can be read in a panel that is too narrow for columns.
func TestTablesAreLists(t *testing.T) {
	p := newProse(theme.New(theme.Auto, true, true))
	text := "Most of them:\n\n| controller | does | where |\n| --- | --- | --- |\n| Job, CronJob | count successes | Jobs |\n| node | notice a dead node | A node dies |\n\nAnd more."
	got := ansi.Strip(strings.Join(p.lines(text, 40), "\n"))
	var lines []string
	for _, line := range strings.Split(got, "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	want := "Most of them:\n\ncontroller: does; where\n\n* Job, CronJob: count successes; Jobs\n* node: notice a dead node; A node dies\n\nAnd more."
	if got = strings.Join(lines, "\n"); got != want {
		t.Errorf("it is\n%s\nand not\n%s", got, want)
	}
}
