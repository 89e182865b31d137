package lesson

import (
	"fmt"
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
	if got := ansi.Strip(p.View(40, 40)); !strings.Contains(got, "time until") || !strings.Contains(got, "14:05") {
		t.Errorf("in a narrow panel nobody sees the time:\n%s", got)
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

func TestResultsAreTold(t *testing.T) {
	finished := time.Date(2026, 11, 20, 12, 0, 0, 0, time.Local)
	all, err := course.Load()
	if err != nil {
		t.Fatal(err)
	}
	pod := all.Find("first-pod")
	last := pod.Steps[len(pod.Steps)-1]
	record := &play.Record{Finished: finished, Spent: 9*time.Minute + 10*time.Second, Steps: map[string]*play.StepRecord{
		last.ID: {Answers: map[int][]int{0: {last.Quiz[0].Right()}, 1: {last.Quiz[1].Right() + 1, last.Quiz[1].Right()}}},
	}}
	if got := result(pod, record); got != "Finished on 2026-11-20 in 9 minutes; 1 of 3 questions right at the first try." {
		t.Errorf("a lesson: %q", got)
	}
	exam := all.Find("exam-cka")
	record = &play.Record{Finished: finished, Spent: time.Minute, Steps: map[string]*play.StepRecord{exam.Steps[0].ID: {Done: true}, exam.Steps[1].ID: {}}}
	if got := result(exam, record); got != fmt.Sprintf("Finished on 2026-11-20 in 1 minute, with %d of 100 points; 66 are needed.", exam.Steps[0].Points) {
		t.Errorf("an exam: %q", got)
	}
}
