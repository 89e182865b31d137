package course_test

import (
	"testing"

	"kubarium/lessons"
	"kubarium/lessons/course"
)

func TestCourseHasNoProblems(t *testing.T) {
	for _, problem := range lessons.Lint(course.Files()) {
		t.Error(problem)
	}
}
