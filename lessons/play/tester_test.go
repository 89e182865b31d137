package play

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"kubarium/lessons"
)

// soundText is a lesson in which nothing is wrong.
const soundText = `---
id: sound
kind: puzzle
title: Sound
minutes: 5
setup:
  - kubectl: run ground --image=x
  - wait: ready(pod("ground"))
    within: 300ms
cleanup:
  - {kubectl: "delete pod ground", try: true}
  - {kubectl: "delete pod web", try: true}
---

Look.

## Run it

Run web.

` + "```yaml step" + `
id: run
checks:
  - name: web is ready
    expr: ready(pod("web"))
    for: 1s
    saw: [{say: "There are {{ here('pods').size() }} pods."}]
  - name: the ground stays
    mode: invariant
    expr: ready(pod("ground"))
    saw: [{say: It is gone.}]
hints: [{say: Run it.}]
solve: ["kubectl apply -f web.yaml"]
` + "```" + `

## Talk

` + "```yaml quiz" + `
- ask: Why?
  options:
    - {text: So., why: Yes., right: true}
    - {text: Not., why: No.}
` + "```" + `

` + "```yaml step" + `
id: talk
` + "```" + `
`

// watchfulClock tells when the tester leaves a step alone.
type watchfulClock struct {
	*clocktesting.FakeClock
	idle func()
}

func (c watchfulClock) After(d time.Duration) <-chan time.Time {
	if d == mutation {
		c.idle()
	}
	return c.FakeClock.After(d)
}

// testOn tests a lesson on the fake cluster. Idle is called when a step is left alone.
func testOn(t *testing.T, text string, how How, idle func(*fakeCluster)) Result {
	t.Helper()
	manifest := func(name string) []byte {
		return []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: default}\nspec: {containers: [{name: a, image: x}]}\n")
	}
	files := map[string][]byte{"web.yaml": manifest("web"), "trace.yaml": manifest("trace")}
	lesson, err := lessons.Parse("sound.md", []byte(text), files)
	must(t, err)
	return testOnFake(t, lesson, how, func(env *Env, cluster *fakeCluster, clock *clocktesting.FakeClock) {
		env.hurry, env.Clock = time.Second, watchfulClock{clock, func() { idle(cluster) }}
	})
}

// testOnFake tests a lesson on a fake cluster of its own, where time passes whenever somebody
// waits for it. Change, if there is one, is told what the test is about to have.
func testOnFake(t *testing.T, lesson *lessons.Lesson, how How, change func(*Env, *fakeCluster, *clocktesting.FakeClock)) Result {
	t.Helper()
	cluster := newFakeCluster(t)
	clock := clocktesting.NewFakeClock(time.Now())
	env := Env{Client: cluster.client, Clock: clock}
	if change != nil {
		change(&env, cluster, clock)
	}
	env.run = func(ctx context.Context, line string) (int, string, error) {
		cluster.watched(lesson)
		return cluster.run(ctx, line)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
			clock.Step(time.Second)
		}
	}()
	var out strings.Builder
	result, err := testLesson(ctx, lesson, env, how, &out, notes{placed: func(dir string) { cluster.dir = dir }})
	must(t, err)
	return result
}

// TestATestFindsWhatIsWrong spoils a lesson in one way after the other, and wants each found.
func TestATestFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		how      How
		idle     func(*fakeCluster)
		want     string
	}{
		"nothing":                     {how: How{Mutate: true, Thorough: true}},
		"the symptom does not appear": {old: `wait: ready(pod("ground"))`, new: `wait: ready(pod("nobody"))`, want: "waited 300ms for ready(pod(\"nobody\"))"},
		"a check is met from the start": {old: "    expr: ready(pod(\"web\"))\n    for: 1s\n", new: "    expr: ready(pod(\"ground\"))\n",
			want: `the check "web is ready" is met before the step`},
		"a check is true from the start": {old: `expr: ready(pod("web"))`, new: `expr: ready(pod("ground"))`,
			want: `the check "web is ready" is true before the step`},
		"an invariant is broken from the start": {old: "mode: invariant\n    expr: ready(pod(\"ground\"))", new: "mode: invariant\n    expr: ready(pod(\"web\"))",
			want: `the invariant "the ground stays" does not hold before the step`},
		"the solution does not solve it": {old: "apply -f web.yaml", new: "get pods",
			want: "the commands ran, but the checks are still not met"},
		"the solution does not run": {old: "apply -f web.yaml", new: "apply -f none.yaml", want: "none.yaml"},
		// In this order: the watch tells of the deletion first, so the step can't be solved without it.
		"the solution breaks an invariant": {old: `["kubectl apply -f web.yaml"]`, new: `["kubectl delete pod ground", "kubectl apply -f web.yaml"]`,
			want: "the ground stays: It is gone."},
		"a reset does not bring it back": {old: "  - {kubectl: \"delete pod web\", try: true}\n", new: "",
			want: "after a reset"},
		"something is left": {old: `["kubectl apply -f web.yaml"]`, new: `["kubectl apply -f web.yaml", "kubectl apply -f trace.yaml"]`,
			want: "leaves behind default/pods/trace"},
		"a sentence has a gap": {old: `{{ here('pods').size() }}`, new: `{{ here('pods')[7].metadata.name }}`, want: "has a gap"},
		"time alone solves it": {
			how: How{Mutate: true}, idle: func(f *fakeCluster) { _ = f.create(f.t.Context(), pod("web", "x")) },
			old: "    for: 1s\n", want: "without its solution, all checks are met after 5 seconds",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.idle == nil {
				c.idle = func(*fakeCluster) {}
			}
			if c.old != "" && !strings.Contains(soundText, c.old) {
				t.Fatalf("the lesson has no %q", c.old)
			}
			result := testOn(t, strings.Replace(soundText, c.old, c.new, 1), c.how, c.idle)
			found := strings.Join(result.Problems, "\n")
			if (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
				t.Errorf("found is %q, not %q", found, c.want)
			}
			if missed := strings.Contains(found, "without its solution"); (result.Mutated > 0) != c.how.Mutate || (result.Mutated > result.Noticed) != missed {
				t.Errorf("of %d steps without their solution %d were noticed", result.Mutated, result.Noticed)
			}
		})
	}
}

// TestATestSaysWhyNothingIsTidied has the last clean-up fail: the first is before the lesson, the second before the reset.
func TestATestSaysWhyNothingIsTidied(t *testing.T) {
	text := strings.Replace(soundText, "cleanup:\n", "cleanup:\n  - kubectl: get pods\n", 1)
	lesson, err := lessons.Parse("sound.md", []byte(strings.Replace(text, "apply -f web.yaml", "run web --image=x", 1)), nil)
	must(t, err)
	cluster, cleanups := newFakeCluster(t), 0
	env := Env{Client: cluster.client, run: func(ctx context.Context, line string) (int, string, error) {
		cluster.watched(lesson)
		if line == "kubectl get pods" {
			if cleanups++; cleanups == 3 {
				return 1, "too many requests", nil
			}
		}
		return cluster.run(ctx, line)
	}}
	result, err := TestLesson(t.Context(), lesson, env, How{}, io.Discard)
	must(t, err)
	if found := strings.Join(result.Problems, "\n"); !strings.Contains(found, "cleanup: Tidying up did not work: kubectl get pods: too many requests") {
		t.Errorf("found is %q", found)
	}
}

// TestAnInterruptedTestLeavesNothing ends the test of two lessons at moments of the first: in its
// set-up, and after its solution.
func TestAnInterruptedTestLeavesNothing(t *testing.T) {
	for _, last := range []string{"kubectl run ground --image=x", "kubectl run web --image=x"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cluster, played := newFakeCluster(t), 0
			lesson, err := lessons.Parse("sound.md", []byte(strings.Replace(soundText, "apply -f web.yaml", "run web --image=x", 1)), nil)
			must(t, err)
			envs := func() (Env, func(), error) {
				env := Env{Client: cluster.client, run: func(ctx context.Context, line string) (int, string, error) {
					if ctx.Err() != nil {
						return 1, "", ctx.Err()
					}
					if line == "kubectl run ground --image=x" {
						played++
					}
					cluster.watched(lesson)
					code, told, err := cluster.run(ctx, line)
					if line == last {
						cancel()
					}
					return code, told, err
				}}
				return env, func() {}, nil
			}
			_, err = Test(ctx, []*lessons.Lesson{lesson, lesson}, envs, How{Parallel: 1}, io.Discard)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the test ends with %v", err)
			}
			left, err := cluster.client.Resource(podsGVR).List(t.Context(), metav1.ListOptions{})
			must(t, err)
			if len(left.Items) > 0 || played != 1 {
				t.Errorf("%d lessons were begun, and leave behind %d pods", played, len(left.Items))
			}
		})
	}
}

// TestTheNextLessonBeginsWhileOneTidiesUp has the clean-up of two lessons last until the third has begun.
func TestTheNextLessonBeginsWhileOneTidiesUp(t *testing.T) {
	var list []*lessons.Lesson
	for _, id := range []string{"one", "two", "three"} {
		text := strings.NewReplacer("id: sound", "id: "+id, "run ground", "run ground --lesson="+id, "apply -f web.yaml", "run web --image=x").Replace(soundText)
		lesson, err := lessons.Parse(id+".md", []byte(text), nil)
		must(t, err)
		list = append(list, lesson)
	}
	third := make(chan struct{})
	begun := sync.OnceFunc(func() { close(third) })
	envs := func() (Env, func(), error) {
		cluster, cleanups := newFakeCluster(t), 0
		env := Env{Client: cluster.client}
		env.run = func(ctx context.Context, line string) (int, string, error) {
			cluster.watched(list[0])
			if strings.Contains(line, "--lesson=three") {
				begun()
			}
			// The first is before the lesson, the second before the reset.
			if strings.HasPrefix(line, "kubectl delete pod ground") {
				if cleanups++; cleanups == 3 {
					select {
					case <-third:
					case <-time.After(30 * time.Second):
						t.Error("the third lesson waits for those before it to tidy up")
					}
				}
			}
			return cluster.run(ctx, strings.Replace(line, "ground --lesson=", "ground --image=", 1))
		}
		return env, func() {}, nil
	}
	results, err := Test(t.Context(), list, envs, How{Parallel: 2}, io.Discard)
	must(t, err)
	for _, r := range results {
		if len(r.Problems) > 0 {
			t.Errorf("%s: %v", r.Lesson, r.Problems)
		}
	}
}
