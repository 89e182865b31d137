package course_test

import (
	"flag"
	"os"
	"testing"

	"kubarium/lessons"
	"kubarium/lessons/course"
)

var update = flag.Bool("update", false, "write docs/COVERAGE.md")

func TestCourseHasNoProblems(t *testing.T) {
	for _, problem := range lessons.Lint(course.Files()) {
		t.Error(problem)
	}
}

// TestCoverage keeps docs/COVERAGE.md up to date; -update writes it.
func TestCoverage(t *testing.T) {
	const path = "../../docs/COVERAGE.md"
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(all.Coverage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != all.Coverage() {
		t.Error("docs/COVERAGE.md is out of date: go test ./lessons/course -update")
	}
}
