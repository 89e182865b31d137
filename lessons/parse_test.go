package lessons

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// good is a small lesson that has everything.
const good = `---
id: small
title: A small lesson
minutes: 5
teaches: [pod]
let:
  web: pod("web")
docs:
  - {title: Pods, url: https://example.com}
setup:
  - apply: web.yaml
  - wait: ready(web)
cleanup:
  - delete: {resource: pods, name: web}
---

# A small lesson

Read this first.

## Make it

Do this:

` + "```sh" + `
$ kubectl run web \
    --image=x
# a remark
kubectl get pods
` + "```" + `

` + "```yaml step" + `
id: make
checks:
  - name: It exists
    mode: edge
    expr: web.hasValue()
    saw:
      - when: size(objects("pods")) > 0
        say: "There are {{ size(objects('pods')) }} others."
      - say: Nothing there.
  - name: It stays
    baseline: web.hasValue()
    expr: |
      web.hasValue() &&
      true
    for: 10s
    within: 1m
    saw: [{say: Not yet.}]
hints:
  - say: Try again.
start:
  - kubectl: run web --image=x
` + "```" + `

It was made.

## Think

A question.

` + "```yaml quiz" + `
- ask: Why?
  options:
    - {text: So, why: Because., right: true}
    - {text: Thus, why: No.}
` + "```" + `

` + "```yaml step" + `
id: think
` + "```" + `
`

const webYAML = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"

func parseText(text string) (*Lesson, error) {
	return Parse("lesson.md", []byte(text), map[string][]byte{"web.yaml": []byte(webYAML)})
}

func TestParse(t *testing.T) {
	l, err := parseText(good)
	if err != nil {
		t.Fatal(err)
	}
	if l.ID != "small" || l.Minutes != 5 || l.Intro != "Read this first." || len(l.Steps) != 2 {
		t.Errorf("front matter or steps: %+v", l)
	}
	step := l.Steps[0]
	if got := strings.Join(step.Commands, "|"); got != "kubectl run web --image=x|kubectl get pods" {
		t.Errorf("commands: %s", got)
	}
	if step.Title != "Make it" || step.After != "It was made." || !strings.HasPrefix(step.Text, "Do this:") {
		t.Errorf("texts: %q, %q, %q", step.Title, step.Text, step.After)
	}
	if c := step.Checks[1]; c.Mode != Level || c.For != 10*time.Second || c.Within != time.Minute {
		t.Errorf("check: %+v", c)
	}
	if l.Cleanup[0].Delete.Namespace != "default" {
		t.Errorf("a pod to delete is in namespace %q", l.Cleanup[0].Delete.Namespace)
	}
	if got := l.Steps[1].Quiz[0].Right(); got != 0 {
		t.Errorf("the right option is %d", got)
	}
	if got := len(l.Resources()); got != 1 {
		t.Errorf("watches %v, not pods alone", l.Resources())
	}
}

// TestParseErrors breaks the good lesson in one place at a time.
func TestParseErrors(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{
			"no front matter", "---\nid: small", "id: small",
			"lesson.md:1: the file must begin with front matter: a line of ---, YAML, and another line of ---",
		},
		{
			"open front matter", "---\n\n# A small", "\n# A small",
			"lesson.md:1: the front matter is never closed by a line of ---",
		},
		{
			"bad YAML", "minutes: 5", "minutes: [5",
			"lesson.md:3: the front matter is not valid YAML: did not find expected ',' or ']'",
		},
		{
			"unknown key", "minutes: 5", "minute: 5",
			`lesson.md:4: unknown key "minute" in the front matter; did you mean "minutes"?`,
		},
		{
			"key twice", "minutes: 5", "title: Again",
			`lesson.md:4: key "title" stands twice in the front matter`,
		},
		{
			"unknown key in a check", "    mode: edge", "    colour: red",
			`lesson.md:36: unknown key "colour" in a check; known keys: baseline, expr, for, mode, name, saw, within`,
		},
		{"number", "minutes: 5", "minutes: some", `lesson.md:4: key "minutes" must be a whole number`},
		{"list", "teaches: [pod]", "teaches: pod", `lesson.md:5: key "teaches" must be a list`},
		{"duration", "for: 10s", "for: 10", `lesson.md:47: key "for" must be a length of time such as 10s or 2m`},
		{"title differs", "# A small lesson", "# Another", `lesson.md: the heading "Another" differs from the title "A small lesson" in the front matter`},
		{"bad id", "id: small", "id: Small One", "lesson.md:2: the lesson needs an id of small letters, digits, dots and dashes, such as first-pod"},
		{"step id twice", "id: think", "id: make", `lesson.md:70: a step with the id "make" stands above already`},
		{"unknown mode", "mode: edge", "mode: once", `lesson.md:35: mode "once" is none of level, edge, invariant`},
		{"for on an edge", "mode: edge", "for: 5s\n    mode: edge", `lesson.md:35: the check "It exists" has "for", which only a level check can have`},
		{"no last sentence", "      - say: Nothing there.\n", "", `lesson.md:35: the check "It exists" must end its saw list with a sentence without when: what it says when nothing else fits`},
		{"unknown block", "```yaml quiz", "```yaml quizz", `lesson.md:62: unknown block "yaml quizz"; data blocks are "yaml step" and "yaml quiz", a manifest is shown by "yaml NAME.yaml"`},
		{"open block", "id: think\n```", "id: think", "lesson.md:69: this block is never closed by a line of ```"},
		{"no step block", "```yaml step\nid: think\n```", "", `lesson.md:58: the step "Think" has no "yaml step" block`},
		{"two right", "why: No.", "why: No., right: true", "lesson.md:63: a question needs at least two options, of which exactly one is right"},
		{"option without why", ", why: No.", "", "lesson.md:66: an option needs text and why, which explains it"},
		{"unknown manifest", "apply: web.yaml", "apply: wep.yaml", "lesson.md:11: apply: there is no file wep.yaml beside the lesson"},
		{"action of two", "apply: web.yaml", "apply: web.yaml\n    kubectl: get pods", "lesson.md:11: an action does exactly one thing: apply, delete, kubectl, kubarium, node, component or wait"},
		{"pipe in a solution", "kubectl get pods\n", "ls | kubectl get pods\n", `lesson.md:33: "ls | kubectl get pods" is neither a plain kubectl command nor one of Kubarium's that lessons may use; a solution has no pipes, variables or other programs`},
		{"shown manifest differs", "Read this first.", "```yaml web.yaml\nkind: Pod\n```", "lesson.md:19: the prose shows web.yaml differently from the file beside the lesson"},
		{"CEL syntax", "web.hasValue() &&\n      true", "web.hasValue() &&\n      true)", `lesson.md:46: the check "It stays": Syntax error: extraneous input ')' expecting <EOF> (column 5 of the expression)`},
		{"CEL name", "    expr: web.hasValue()\n", "    expr: wep.hasValue()\n", `lesson.md:37: the check "It exists": undeclared reference to 'wep' (column 1 of the expression)`},
		{"CEL type", "    expr: web.hasValue()\n", "    expr: size(objects(\"pods\"))\n", `lesson.md:37: the check "It exists" is of type int; it must be true or false`},
		{"CEL in a sentence", "objects('pods')) }}", "objets('pods')) }}", `lesson.md:40: a sentence of the check "It exists": undeclared reference to 'objets' (column 12 of the expression)`},
		{"open sentence", "objects('pods')) }}", "objects('pods')) ", `lesson.md:40: a sentence of the check "It exists": {{ is never closed by }}`},
		{"unknown resource", `pod("web")`, `object("pots", "default", "web")`, `lesson.md:7: let "web": unknown resource "pots"; did you mean "pods"?`},
		{"computed resource", `pod("web")`, `object("po" + "ds", "default", "web")`, `lesson.md:7: let "web": the resource in object(...) must be written out, such as "pods"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(good, test.old, test.new, 1)
			if text == good {
				t.Fatal("the test changes nothing")
			}
			_, err := parseText(text)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error is %v", err)
			}
			for _, p := range problems {
				if p.Error() == test.want {
					return
				}
			}
			t.Errorf("got\n%v\nwant\n%s", err, test.want)
		})
	}
}

func TestLoadErrors(t *testing.T) {
	list := "title: T\nchapters:\n  - title: One\n    lessons: [small]\n"
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	tests := []struct {
		name string
		fs   fstest.MapFS
		want string
	}{
		{"no course", fstest.MapFS{}, "course.yaml: a course needs a file course.yaml: open course.yaml: file does not exist"},
		{"listed only", fstest.MapFS{"course.yaml": file(list)}, "small: listed in course.yaml, but there is no lesson.md"},
		{
			"not listed",
			fstest.MapFS{"course.yaml": file(list), "small/lesson.md": file(good), "small/web.yaml": file(webYAML), "more/lesson.md": file(good)},
			"course.yaml: the lesson in more is not listed",
		},
		{"same id", fstest.MapFS{
			"course.yaml": file(strings.Replace(list, "small", "small, more", 1)), "small/lesson.md": file(good), "small/web.yaml": file(webYAML),
			"more/lesson.md": file(good), "more/web.yaml": file(webYAML),
		}, `more/lesson.md:2: the id "small" is taken by small/lesson.md`},
		{
			"needs before",
			fstest.MapFS{"course.yaml": file(list), "small/lesson.md": file(strings.Replace(good, "teaches", "needs", 1)), "small/web.yaml": file(webYAML)},
			`small/lesson.md:2: the lesson needs "pod", which no lesson before it teaches`,
		},
		{"outside", fstest.MapFS{"course.yaml": file(strings.Replace(list, "small", "../small", 1))}, `../small: "../small" is not the name of a folder`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := Lint(test.fs)
			for _, p := range problems {
				if p.Error() == test.want {
					return
				}
			}
			t.Errorf("got %v, want %s", problems, test.want)
		})
	}
}

// FuzzParse looks for files that crash the parser, or that it takes though
// they cannot be played.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("---\n---\n## x\n```yaml step\nid: x\nchecks: [{name: x, expr: '1', saw: [{say: '{{'}]}]\n```")
	f.Add("---\nlet: {a: b, b: a}\n---\n## \n```sh\nkubectl \\\n")
	f.Add("---\nid: &a [*a]\n---\n")
	for _, bad := range badLessons(f) {
		f.Add(string(bad))
	}
	if first, err := os.ReadFile("course/first-pod/lesson.md"); err == nil {
		f.Add(string(first))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseText(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if l.ID == "" || len(l.Steps) == 0 {
			t.Errorf("taken without id or steps: %+v", l)
		}
		if _, err := NewEval(l, nothing{}); err != nil {
			t.Errorf("taken, but cannot be evaluated: %v", err)
		}
		for _, choice := range l.Variants() {
			_, _ = l.With(choice)
		}
	})
}
