package course_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"kubarium/lessons"
	"kubarium/lessons/course"
)

// world is a cluster made of YAML: a list of objects for each resource. Of the probes, those named answer.
type world struct {
	objects  map[string][]map[string]any
	answers  []string
	commands []lessons.Command
}

var _ lessons.State = world{}

func (w world) Objects(gvr schema.GroupVersionResource) []map[string]any {
	return w.objects[gvr.Resource]
}

func (w world) Object(gvr schema.GroupVersionResource, namespace, name string) map[string]any {
	for _, o := range w.objects[gvr.Resource] {
		m, _ := o["metadata"].(map[string]any)
		space, _ := m["namespace"].(string)
		if m["name"] == name && space == namespace {
			return o
		}
	}
	return nil
}

func (w world) Probe(name string) lessons.Answer {
	for _, a := range w.answers {
		if a == name {
			return lessons.Answer{OK: true, Output: "Hello from pod " + name + "-1", Asked: 1}
		}
	}
	return lessons.Answer{Output: "timed out", Asked: 1, Failed: 1}
}

func (w world) Commands() []lessons.Command        { return w.commands }
func (world) Attempts() int                        { return 0 }
func (world) Attempt(_, _ string) *lessons.Attempt { return nil }
func (world) Looks() []lessons.Look                { return nil }
func (world) Rules(lessons.RulesOf) lessons.Rules  { return lessons.Rules{} }
func (world) Component(string) string              { return "" }
func typed(line, output string) []lessons.Command {
	return []lessons.Command{{Line: line, Output: output}}
}

// answered is one way to do a task of an exam, and what is said of it: "" if it counts.
type answered struct {
	task, way string
	objects   string
	answers   []string
	commands  []lessons.Command
	says      string
}

// TestExamsTakeRightWays does tasks of the exams in other ways than their solutions, right and wrong ones. The
// values of what varies are the first ones. NS stands for the exam's namespace.
func TestExamsTakeRightWays(t *testing.T) {
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	for exam, ways := range map[string][]answered{
		"exam-cka": ckaWays, "exam-ckad": ckadWays, "exam-cks": cksWays, "exam-cka-2": cka2Ways, "exam-cka-3": cka3Ways,
	} {
		lesson := all.Find(exam)
		lesson, err := lesson.With(lesson.Variants()[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, way := range ways {
			t.Run(exam+"/"+way.task+"/"+way.way, func(t *testing.T) {
				way.judge(t, lesson)
			})
		}
	}
}

func (a answered) judge(t *testing.T, lesson *lessons.Lesson) {
	state := world{answers: a.answers, commands: a.commands}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(a.objects, "NS", lesson.Space())), &state.objects); err != nil {
		t.Fatal(err)
	}
	eval, err := lessons.NewEval(lesson, state)
	if err != nil {
		t.Fatal(err)
	}
	said, found := "", false
	for _, step := range lesson.Steps {
		for _, check := range step.Checks {
			if step.ID != a.task {
				continue
			}
			found = true
			if met, _ := eval.Bool(check.Expr); !met {
				said += sentence(eval, check) + "\n"
			}
		}
	}
	if !found {
		t.Fatalf("there is no task %s", a.task)
	}
	if (a.says == "") != (said == "") || !strings.Contains(said, a.says) {
		t.Errorf("it says %q, and should say %q", said, a.says)
	}
}

// sentence is what the learner is told of a check that is not met.
func sentence(eval *lessons.Eval, check lessons.Check) string {
	for _, s := range check.Saw {
		if fits, err := eval.Bool(s.When); s.When.IsZero() || (err == nil && fits) {
			return eval.Text(s.Say)
		}
	}
	return ""
}
