package course_test

import (
	"flag"
	"os"
	"strings"
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

// TestLessonsAreWhole proves that each lesson takes 5 to 12 minutes, and ends with what happened, the picture to
// keep, where it bites at work, three questions that explain themselves, and the documentation's page.
func TestLessonsAreWhole(t *testing.T) {
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	chapters := 0
	for _, c := range all.Chapters {
		if c.Lessons[0].Kind == lessons.Guided {
			chapters++
		}
	}
	right := [3]int{}
	for _, l := range all.Lessons() {
		for _, s := range l.Steps {
			for _, q := range s.Quiz {
				right[min(q.Right(), 2)]++
			}
		}
	}
	for i, n := range right {
		if n < (right[0]+right[1]+right[2])/4 {
			t.Errorf("answer %d is right for %d questions, so one can guess: %v", i+1, n, right)
		}
	}
	if chapters != 9 {
		t.Errorf("the lessons are in %d chapters", chapters)
	}
	count := map[lessons.Kind]int{}
	for _, l := range all.Lessons() {
		count[l.Kind]++
		if len(l.Docs) == 0 {
			t.Errorf("%s names no page of the documentation", l.ID)
		}
		if l.Kind != lessons.Guided {
			continue
		}
		last := l.Steps[len(l.Steps)-1]
		if l.Minutes < 5 || l.Minutes > 12 || len(last.Quiz) < 3 {
			t.Errorf("%s takes %d minutes and ends with %d questions", l.ID, l.Minutes, len(last.Quiz))
		}
		for _, words := range []string{"**What happened.**", "**The picture to keep.**", "**Where it bites at work.**"} {
			if !strings.Contains(last.Text, words) {
				t.Errorf("%s does not say %s", l.ID, words)
			}
		}
	}
	if count[lessons.Guided] < 45 || count[lessons.Puzzle] < 20 || count[lessons.Exam] < 3 {
		t.Errorf("the course has %v", count)
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
