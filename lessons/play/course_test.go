package play

import (
	"testing"

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
			result := testOnFake(t, lesson, How{}, nil)
			for _, problem := range result.Problems {
				t.Error(problem)
			}
			if result.Steps != len(lesson.Steps) || result.Steps < 6 {
				t.Errorf("%d steps", result.Steps)
			}
		})
	}
}
