package play

import (
	"context"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubarium/lessons/course"
)

// TestCourse plays the real course against the fake cluster, as lesson test
// does against a real one.
func TestCourse(t *testing.T) {
	all, err := course.Load()
	must(t, err)
	for _, lesson := range all.Lessons() {
		if lesson.Namespace != "" {
			// The fake cluster knows pods only; these are played on a live one.
			continue
		}
		t.Run(lesson.ID, func(t *testing.T) {
			cluster := newFakeCluster(t)
			clock := clocktesting.NewFakeClock(time.Now())
			env := Env{Client: cluster.client, Clock: clock}
			env.run = func(ctx context.Context, line string) (int, string, error) {
				cluster.watched(lesson)
				return cluster.run(ctx, line)
			}
			// Time passes whenever somebody waits for it.
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				for ctx.Err() == nil {
					time.Sleep(5 * time.Millisecond)
					clock.Step(time.Second)
				}
			}()
			var out strings.Builder
			dirs := func(dir string) { cluster.dir = dir }
			result, err := testLesson(ctx, lesson, env, How{}, &out, dirs)
			must(t, err)
			for _, problem := range result.Problems {
				t.Error(problem)
			}
			if result.Steps != len(lesson.Steps) || result.Steps < 6 {
				t.Errorf("%d steps", result.Steps)
			}
		})
	}
}
