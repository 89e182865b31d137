package lessons

import (
	"strings"
	"testing"
	"testing/fstest"
)

// small is a course of two lessons, of which the second teaches taints.
func small(firstProse, firstHead string) fstest.MapFS {
	lesson := func(id, head, prose string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("---\nid: " + id + "\ntitle: A lesson\nminutes: 5\ndocs: [{title: a, url: b}]\n" + head + "---\n\n" + prose +
			"\n\n## End\n\nText.\n\n```yaml quiz\n- ask: Why?\n  options:\n    - {text: a, right: true, why: b}\n    - {text: c, why: d}\n```\n\n```yaml step\nid: end\n```\n")}
	}
	return fstest.MapFS{
		"course.yaml":   {Data: []byte("title: Small\nchapters:\n  - title: All\n    lessons: [one, two]\n")},
		"glossary.yaml": {Data: []byte("- {concept: taint, term: taint, words: [taints], means: A mark.}\n- {concept: job, term: Job, means: Work that ends.}\n")},
		"coverage.yaml": {Data: []byte("- title: All\n  topics:\n    - {id: marks, text: Marks}\n")},
		"one/lesson.md": lesson("one", firstHead, firstProse),
		"two/lesson.md": lesson("two", "teaches: [taint, job]\ncovers: [marks]\n", "A taint and a Job."),
	}
}

// stepWith is a step whose hint and check say something.
func stepWith(hint, say string) string {
	return "\n\n## Do\n\nDo it.\n\n```yaml step\nid: do\nchecks: [{name: It is, expr: 'pod(\"a\").hasValue()', saw: [{say: \"" + say +
		"\"}]}]\nhints: [{say: \"" + hint + "\"}]\nsolve: [kubectl get pods]\n```"
}

func TestLintRefusesWhatIsNotTaughtYet(t *testing.T) {
	for _, c := range []struct{ name, prose, head, want string }{
		{"fine", "Words that all know. A job is no Job of ours.", "", ""},
		{"word", "It has two taints.", "", `"taints" is used before a lesson has taught "taint"`},
		{"code", "See `kubectl taint`.", "", ""},
		{"part of a word", "The food was tainted-free.", "", ""},
		{"need", "Nothing.", "needs: [taint]\n", `the lesson needs "taint", which no lesson before it teaches`},
		{"unexplained", "Nothing.", "teaches: [magic]\n", `the lesson teaches "magic", which the glossary does not explain`},
		{"puzzle", "Nothing.", "kind: puzzle\nsetup: [{kubectl: \"create namespace x\"}]\n", "the setup of a puzzle ends with what proves that something is broken: a wait, or a kubectl exec that fails otherwise"},
		{"hint", "Nothing." + stepWith("A taint.", "Nothing."), "", `"taint" is used before a lesson has taught "taint"`},
		{"sentence", "Nothing." + stepWith("Try.", "{{ 'taint' }} taints."), "", `"taints" is used before a lesson has taught "taint"`},
		{"expression", "Nothing." + stepWith("Type kubectl taint nodes.", "{{ 'taint' }}"), "", ""},
		{"topic", "Nothing.", "covers: [dragons]\n", `covers "dragons", which coverage.yaml does not list`},
		{"twice", "Nothing.", "teaches: [job]\n", `"job" was taught by a lesson before`},
	} {
		t.Run(c.name, func(t *testing.T) {
			prose := strings.ReplaceAll(c.prose, "no Job of ours", "no work of ours")
			var got []string
			for _, p := range Lint(small(prose, c.head)) {
				if p.File == "" {
					t.Errorf("a problem without a file: %v", p)
				}
				got = append(got, p.Message)
			}
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || got[0] != c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFaultsAreCommandsOfTheirOwn(t *testing.T) {
	for line, want := range map[string]bool{
		"kubarium node kill node-3":           true,
		"kubarium component stop etcd":        true,
		"kubarium component kill etcd":        false,
		"kubarium node kill":                  false,
		"kubarium down x y":                   false,
		"kubarium node kill node-3; rm -rf /": false,
		"kubectl delete node node-3":          false,
	} {
		if _, ok := FaultOf(line); ok != want {
			t.Errorf("%s: %t", line, ok)
		}
	}
	if !SameCommand("kubarium node kill node-3", "kubarium  node kill 'node-3'") || SameCommand("kubarium node kill node-3", "kubarium node kill node-2") {
		t.Error("faults are not compared by what they do")
	}
}

func TestToolsLookOrCanBeUndone(t *testing.T) {
	for line, want := range map[string]bool{
		"kubarium etcd get /registry/pods/default/web": true,
		"kubarium encrypt-secrets --off":               true,
		"kubarium node rm node-4":                      true,
		"kubarium trace --match web":                   true,
		"kubarium fault inject node-kill node-2":       true,
		"kubarium fault":                               false,
		"kubarium hold bindings --namespace shop":      true,
		"kubarium hold bindings --name=shop":           false,
		"kubarium step":                                true,
		"kubarium release --all":                       true,
		"kubarium trace -f":                            false,
		"kubarium node ls --data-dir /etc":             false,
		"kubarium reset --yes":                         false,
		"kubarium snapshot save before":                true,
		"kubarium etcd":                                false,
		"kubectl get nodes":                            false,
	} {
		if _, ok := ToolOf(line); ok != want {
			t.Errorf("%s: %t", line, ok)
		}
	}
	if !SameCommand("kubarium etcd ls /registry", "kubarium etcd  ls '/registry'") || SameCommand("kubarium etcd ls /registry", "kubarium etcd ls /") {
		t.Error("tools are not compared by what they do")
	}
}

func TestProbesAreSeenThroughLet(t *testing.T) {
	l := &Lesson{Let: []Let{
		{Name: "page", Expr: Expr{Source: `string(probe("web").output)`}},
		{Name: "hello", Expr: Expr{Source: `page.contains("hello")`}},
	}}
	step := &Step{Checks: []Check{{Expr: Expr{Source: "hello"}}}}
	if !l.Looks(step, "web") || l.Looks(step, "other") || !l.Asks(Expr{Source: "!hello"}) {
		t.Error("a probe behind two names is not seen, or one that is not there is")
	}
}
