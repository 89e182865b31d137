package lesson

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"kubarium/lessons/course"
	"kubarium/lessons/play"
)

// sitting is a panel in the middle of an exam, at its first task.
func sitting(t *testing.T, change func(*play.Snapshot)) *Panel {
	t.Helper()
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	exam := all.Find("exam-ckad")
	p := playing(t, func(s *play.Snapshot) { s.Step = 0 })
	p.wanted = exam
	p.snap.Lesson, p.snap.Steps = exam, make([]play.StepStatus, len(exam.Steps))
	p.snap.Ends = time.Date(2026, 11, 20, 14, 5, 0, 0, time.UTC)
	p.snap.Domains = []play.DomainScore{{Domain: "Services and Networking", Points: 10, Possible: 20}}
	change(&p.snap)
	return p
}

func TestExamTellsPointsAndTimeAndHelpsNobody(t *testing.T) {
	p := sitting(t, func(s *play.Snapshot) { s.MoreHints = 1 })
	got := ansi.Strip(p.View(70, 40))
	for _, want := range []string{"Task 1 of 10, 10 points; time until 14:05", "p: previous task"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not seen:\n%s", want, got)
		}
	}
	if p.whyNotSolve() != nobodyHelps || p.whyNotReset() != nobodyHelps {
		t.Error("somebody helps")
	}
	if p.whyNotEnter() != "" {
		t.Errorf("a task cannot be left: %s", p.whyNotEnter())
	}
	p.snap.Step = len(p.snap.Steps) - 1
	if press(p, "enter"); p.ask.yes == nil {
		t.Error("handing in does not ask first")
	}
}

func TestExamEndsWithMarksAndSolutions(t *testing.T) {
	for points, verdict := range map[int]string{70: "Passed.", 60: "That is not enough yet."} {
		p := sitting(t, func(s *play.Snapshot) { s.Step, s.Finished, s.Points = len(s.Steps), true, points })
		got := ansi.Strip(p.View(100, 60))
		for _, want := range []string{verdict, "of 100 points; 66 are needed", "Services and Networking: 10 of 20", "kubectl rollout undo deployment back"} {
			if !strings.Contains(got, want) {
				t.Errorf("%d points: %q is not seen:\n%s", points, want, got)
			}
		}
	}
}
