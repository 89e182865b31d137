package lessons

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

const varied = `---
id: varied
title: Varied
minutes: 5
variables:
  app: [shop, kiosk, bakery]
  fault:
    - {image: "web:9", why: there is no such version}
    - {image: "wed:1", why: there is no such image}
namespace: ${app}-space
setup:
  - apply: app.yaml
---

Look at ${app}: ${fault.why}.

## Mend it

Mend ${app}.

` + "```sh" + `
kubectl set image deployment/${app} web=web:1
` + "```" + `

` + "```yaml step" + `
id: mend
checks:
  - name: ${app} runs
    expr: get("deployments", "${app}").hasValue()
    saw: [{say: "${app} is not there"}]
` + "```" + `
`

func parseVaried(t *testing.T) *Lesson {
	t.Helper()
	files := map[string][]byte{"app.yaml": []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${app}}\nspec: {image: \"${fault.image}\"}\n")}
	l, err := Parse("varied.md", []byte(varied), files)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestVariablesAreFilledInEverywhere(t *testing.T) {
	first := parseVaried(t)
	second, err := first.With(Choice{"app": "kiosk", "fault": "wed:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lesson                *Lesson
		app, image, why, name string
	}{
		{first, "shop", "web:9", "there is no such version", "shop-space"},
		{second, "kiosk", "wed:1", "there is no such image", "kiosk-space"},
	} {
		l, step := c.lesson, c.lesson.Steps[0]
		manifest := string(l.Files["app.yaml"])
		for text, want := range map[string]string{
			l.Space():                        c.name,
			l.Intro:                          "Look at " + c.app + ": " + c.why + ".",
			step.Commands[0]:                 "kubectl set image deployment/" + c.app + " web=web:1",
			step.Checks[0].Name:              c.app + " runs",
			step.Checks[0].Expr.Source:       `get("deployments", "` + c.app + `").hasValue()`,
			step.Checks[0].Saw[0].Say.Source: c.app + " is not there",
		} {
			if text != want {
				t.Errorf("%q, not %q", text, want)
			}
		}
		if !strings.Contains(manifest, "name: "+c.app+"}") || !strings.Contains(manifest, c.image) {
			t.Errorf("the manifest is %s", manifest)
		}
	}
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func TestDrawMeetsOtherValues(t *testing.T) {
	l := parseVaried(t)
	before := l.Variants()[0]
	for seed := range uint64(50) {
		got := l.Draw(seeded(seed), before)
		if got["app"] == before["app"] || got["fault"] == before["fault"] {
			t.Fatalf("seed %d gives %v after %v", seed, got, before)
		}
		if again := l.Draw(seeded(seed), before); again["app"] != got["app"] {
			t.Fatalf("seed %d gives %v, and then %v", seed, got, again)
		}
		before = got
	}
}

func TestVariantsMeetEachValue(t *testing.T) {
	l := parseVaried(t)
	seen := map[string]bool{}
	for _, choice := range l.Variants() {
		if _, err := l.With(choice); err != nil {
			t.Error(err)
		}
		for name, key := range choice {
			seen[name+"="+key] = true
		}
	}
	if len(seen) != 5 {
		t.Errorf("met %v", seen)
	}
	if _, err := l.With(Choice{"app": "gone"}); err == nil {
		t.Error("a value that is not there was taken")
	}
}

func TestVariableErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"[shop, kiosk, bakery]", "shop", `:6: variable "app" needs a list of at least two values`},
		{"[shop, kiosk, bakery]", "[shop, shop]", `:6: variable "app" has the value "shop" twice`},
		{"[shop, kiosk, bakery]", "[shop, [kiosk]]", `:6: a value of variable "app" must be a text`},
		{"[shop, kiosk, bakery]", `[shop, "a\nb"]`, "must be one line"},
		{"  app: [", "  App: [", `variable "App": a name begins with a small letter`},
		{"why: there is no such image", "reason: none", `:9: the values of variable "fault" must all have the same fields`},
		{"Mend ${app}.", "Mend ${ap}.", ":19: ${ap} is no variable of the lesson"},
		{"Mend ${app}.", "Mend ${fault}.", ":19: ${fault} is no variable of the lesson"},
		{"  app: [", "  app: [[", "the variables are not valid YAML"},
		{"variables:\n", "variables: 3\nlet:\n", `key "variables" must be a set of names`},
	} {
		_, err := Parse("varied.md", []byte(strings.Replace(varied, c.old, c.new, 1)), parseVaried(t).raw)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %q", c.new, err, c.want)
		}
	}
}

func TestLintTriesEachValue(t *testing.T) {
	bad := strings.Replace(varied, "[shop, kiosk, bakery]", "[shop, 'kiosk\") + (\"']", 1)
	course := fstest.MapFS{
		"course.yaml":      {Data: []byte("title: T\nchapters: [{title: C, lessons: [varied]}]")},
		"varied/lesson.md": {Data: []byte(bad)}, "varied/app.yaml": {Data: parseVaried(t).raw["app.yaml"]},
	}
	if _, err := Load(course); err != nil {
		t.Fatalf("with its first values, it is well: %v", err)
	}
	found := ""
	for _, p := range Lint(course) {
		found += p.Error() + "\n"
	}
	if !strings.Contains(found, "with app kiosk") {
		t.Errorf("lint says\n%s", found)
	}
}
