package lessons

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// wanting is a lesson that wants much.
const wanting = `---
id: after
title: After
minutes: 5
namespace: shop
alone: true
cluster: {nodes: 3, clock: fast, snapshot: before}
panes: [pods, glass]
---

Go on.

## One

Look at ` + "`y`" + `.

` + "```yaml step" + `
id: one
keys: [y, ctrl+d]
look: [pods/web, nodes/node-1, pods]
checks:
  - name: It was seen
    mode: edge
    expr: looked("yaml", "web") && rules("web", "node-1").endpoints.size() > 0
    saw: [{say: No.}]
solve: [kubectl get pod web -o yaml]
` + "```" + `
`

func twoLessons(after string) fstest.MapFS {
	before := strings.NewReplacer("id: after", "id: before", "title: After", "title: Before", ", snapshot: before", "").Replace(wanting)
	return fstest.MapFS{
		"course.yaml":      {Data: []byte("title: T\nchapters: [{title: C, lessons: [before, after]}]")},
		"before/lesson.md": {Data: []byte(before)},
		"after/lesson.md":  {Data: []byte(after)},
	}
}

func TestWhatALessonWants(t *testing.T) {
	course, err := Load(twoLessons(wanting))
	if err != nil {
		t.Fatal(err)
	}
	l := course.Find("after")
	if want := (Wants{Nodes: 3, Clock: Fast, Snapshot: "before", line: l.Cluster.line}); l.Cluster != want {
		t.Errorf("it wants %+v, not %+v", l.Cluster, want)
	}
	if l.Base != course.Find("before") {
		t.Errorf("it begins with the end of %v", l.Base)
	}
	step := &l.Steps[0]
	if got := l.Regions(step); !slices.Equal(got, []string{"pods", "nodes"}) {
		t.Errorf("it speaks of the regions %v", got)
	}
	if got := step.Objects(); !slices.Equal(got, []string{"pods/web", "nodes/node-1"}) {
		t.Errorf("it speaks of the objects %v", got)
	}
	if got := l.RulesOf(step); !slices.Equal(got, []RulesOf{{"web", "node-1"}}) {
		t.Errorf("it looks at the rules of %v", got)
	}
	if !slices.ContainsFunc(l.Resources(), func(r Resource) bool { return r.Resource == "nodes" }) {
		t.Error("nodes are not watched, though some are wanted")
	}
	for _, p := range Lint(twoLessons(wanting)) {
		if strings.Contains(p.Message, "namespace") {
			t.Errorf("the namespace is the other's on purpose: %v", p)
		}
	}
}

func TestWhatALessonCannotWant(t *testing.T) {
	for change, want := range map[string]string{
		"nodes: 3=>nodes: 30":                           "after/lesson.md:7: nodes: a lesson may want 1 to 6",
		"clock: fast=>clock: slow":                      `after/lesson.md:7: clock "slow" is none of fast, normal`,
		"alone: true=>alone: false":                     "after/lesson.md:7: clock: all of the cluster has the same timers; say alone: true",
		"snapshot: before=>snapshot: never":             "after/lesson.md:7: snapshot: there is no lesson never",
		"namespace: shop=>namespace: elsewhere":         "after/lesson.md:7: snapshot: the lesson before works in the namespace shop; this one needs the same",
		"[pods, glass]=>[kitchen]":                      `panes: the app has no "kitchen" to open; it has components, nodes,`,
		"[y, ctrl+d]=>[a key]":                          `keys: "a key" is no key`,
		"pods/web,=>kitchens/web,":                      `look: "kitchens/web" is no object of the map`,
		"mode: edge=>mode: level":                       "that happens once; say mode: edge",
		`looked("yaml", "web")=>looked("smell", "web")`: `looked(...) wants a resource, such as "pods", or one of list,`,
		`rules("web", "node-1")=>rules(string(5))`:      `the names in rules(...) must be written out`,
	} {
		from, to, _ := strings.Cut(change, "=>")
		if !strings.Contains(wanting, from) {
			t.Fatalf("%q is not in the lesson", from)
		}
		_, err := Load(twoLessons(strings.Replace(wanting, from, to, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}

func TestWhatCommandsShow(t *testing.T) {
	for line, want := range map[string][]Look{
		"kubectl get po":                            {{"list", "pods", "shop", ""}},
		"kubectl get pod/web -oyaml":                {{"yaml", "pods", "shop", "web"}},
		"kubectl get deploy,svc -n x":               {{"list", "deployments", "x", ""}, {"list", "services", "x", ""}},
		"kubectl describe node node-1":              {{"describe", "nodes", "", "node-1"}},
		"kubectl logs web --previous":               {{"logs", "pods", "shop", "web"}},
		"kubectl logs deployment/web":               {{"logs", "deployments", "shop", "web"}},
		"kubectl get events":                        {{"events", "", "shop", ""}, {"list", "events", "shop", ""}},
		"kubectl events --for pod/web":              {{"events", "", "shop", "web"}},
		"kubectl delete pod web":                    nil,
		"kubarium inspect service web -n shop":      {{"inside", "services", "shop", "web"}},
		"kubarium inspect service -n shop web":      {{"inside", "services", "shop", "web"}},
		"kubarium inspect node node-1":              {{"inside", "nodes", "", "node-1"}},
		"kubarium inspect service web":              {{"inside", "services", "default", "web"}},
		"kubarium etcd get /registry/pods/shop/web": {{View: "etcd"}},
		"kubarium trace":                            {{View: "glass"}},
		"rm -rf /":                                  nil,
	} {
		if got := LooksOf(line, "shop"); !slices.Equal(got, want) {
			t.Errorf("%s shows %v, not %v", line, got, want)
		}
	}
}

func TestLooked(t *testing.T) {
	state := &looking{looks: []Look{{"describe", "pods", "shop", "web"}, {"list", "services", "", ""}, {"logs", "pods", "other", "db"}}}
	l, err := Parse("x.md", []byte(strings.Replace(strings.ReplaceAll(draft, "ID", "x"), "namespace: x", "namespace: shop", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	eval, err := NewEval(l, state)
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]bool{
		`looked("pods")`: true, `looked("pods", "web")`: true, `looked("describe", "web")`: true, `looked("events")`: true,
		`looked("events", "web")`: true, `looked("services")`: true, `looked("services", "web")`: false,
		`looked("logs")`: true, `looked("logs", "db")`: false, `looked("yaml", "web")`: false, `looked("nodes")`: false,
		`rules("web").seen`: true, `"10.0.0.1:8080" in rules("web").endpoints`: true, `rules("web").doors.exists(d, d.map == "service-ips")`: true,
		`rules("none").seen`: false, `rules("none").endpoints.size() == 0`: true,
	} {
		if got, err := eval.Bool(Expr{Source: source}); err != nil || got != want {
			t.Errorf("%s is %v, %v", source, got, err)
		}
	}
}

func TestSentencesShowObjectsAsJSON(t *testing.T) {
	l, err := Parse("x.md", []byte(strings.ReplaceAll(draft, "ID", "x")), nil)
	if err != nil {
		t.Fatal(err)
	}
	eval, err := NewEval(l, &looking{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := eval.Text(Text{Source: `It is {{ [{"port": 8080, "from": ["a"]}] }}.`}), `It is {"from":["a"],"port":8080}.`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	for source, want := range map[string]bool{`quantity("0.5") == quantity("500m")`: true, `quantity("100M") < quantity("128Mi")`: true, `quantity("1Gi") == quantity("1024Mi")`: true} {
		if got, err := eval.Bool(Expr{Source: source}); err != nil || got != want {
			t.Errorf("%s is %v, %v", source, got, err)
		}
	}
}

// looking is a state in which something was looked at.
type looking struct {
	nothing
	looks []Look
}

func (l *looking) Looks() []Look { return l.looks }

func (*looking) Rules(of RulesOf) Rules {
	if of != (RulesOf{Service: "web"}) {
		return Rules{}
	}
	return Rules{Seen: true, Endpoints: []string{"10.0.0.1:8080"}, Doors: []map[string]any{{"map": "service-ips", "match": "10.96.0.7", "verdict": "goto x"}}}
}
