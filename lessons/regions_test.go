package lessons

import (
	"slices"
	"strings"
	"testing"
)

func TestRegionsOfAStep(t *testing.T) {
	l := &Lesson{Let: []Let{{Name: "db", Expr: Expr{Source: `component("etcd")`}}}, Steps: []Step{
		{Checks: []Check{{Expr: Expr{Source: `db == "Ready" && here("pods").size() > 0`}}}},
		{Look: []string{}, Checks: []Check{{Expr: Expr{Source: `ready(pod("web"))`}}}},
		{Checks: []Check{{Expr: Expr{Source: `typed("kubectl version")`}, Saw: []Say{{Say: Text{Source: "{{ events('pods', 'x') }}"}}}}}},
	}}
	for i, want := range [][]string{{"components", "pods"}, {}, nil} {
		if got := l.Regions(&l.Steps[i]); !slices.Equal(got, want) {
			t.Errorf("step %d speaks of %v, not %v", i, got, want)
		}
	}
	text := strings.Replace(strings.ReplaceAll(draft, "ID", "x"), "id: run", "id: run\nlook: [nodes, moon]", 1)
	if _, err := Parse("x.md", []byte(text), nil); err == nil || !strings.Contains(err.Error(), `look: there is no part "moon" of the map`) {
		t.Errorf("a region that is not there: %v", err)
	}
}
