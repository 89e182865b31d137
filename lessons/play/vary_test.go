package play

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kubarium/lessons"
)

const variedText = `---
id: varied
title: Varied
minutes: 5
variables:
  app: [one, two]
  page: [north, south]
---

Mend ${app}.

## Mend it

Make ${app}.

` + "```yaml step" + `
id: mend
checks:
  - name: ${app} is ready
    expr: ready(pod("${app}"))
    saw: [{say: No.}]
solve: ["kubectl run ${app} --image=${page}"]
` + "```" + `
`

// attemptOf begins or resumes the lesson, and returns what ends the session.
func attemptOf(t *testing.T, lesson *lessons.Lesson, path, dir string) (*exam, func()) {
	progress, err := OpenProgress(path)
	must(t, err)
	e := &exam{t: t, cluster: newFakeCluster(t)}
	e.player, err = New(lesson, Env{Client: e.cluster.client, Progress: progress, WorkDir: dir, run: e.cluster.run})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	e.cluster.watched(lesson)
	return e, func() { cancel(); <-ended }
}

func TestAnAttemptKeepsItsValues(t *testing.T) {
	dir := t.TempDir()
	lesson, err := lessons.Parse("varied.md", []byte(variedText), map[string][]byte{"note.txt": []byte("${app}")})
	must(t, err)
	path, work := filepath.Join(dir, "lessons.json"), filepath.Join(dir, "work")
	must(t, os.Mkdir(work, 0o755))
	e, end := attemptOf(t, lesson, path, work)
	e.player.Next()
	first := e.until(func(s Snapshot) bool { return s.Step == 0 }).Lesson.Choice
	end()

	for range 5 {
		e, end = attemptOf(t, lesson, path, work)
		if got := e.until(func(s Snapshot) bool { return s.Step == 0 }).Lesson.Choice; got.String() != first.String() {
			t.Fatalf("begun with %s, resumed with %s", first, got)
		}
		end()
	}

	e, end = attemptOf(t, lesson, path, work)
	defer func() { end() }()
	e.player.ShowMe()
	e.until(func(s Snapshot) bool { return s.StepDone && s.Busy == "" })
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Finished && s.Busy == "" })
	e.player.Restart()
	s := e.until(func(s Snapshot) bool { return s.Step == -1 && s.Busy == "" && s.Ready })
	for name, before := range first {
		if s.Lesson.Choice[name] == before {
			t.Errorf("played again, %s is %s again", name, before)
		}
	}
	if note, err := os.ReadFile(filepath.Join(work, "note.txt")); err != nil || string(note) != s.Lesson.Choice["app"] {
		t.Errorf("the file beside the lesson is %q, %v", note, err)
	}
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Step == 0 && !s.StepDone })
	e.player.ShowMe()
	if s := e.until(func(s Snapshot) bool { return s.Busy == "" && len(s.Shown) > 0 }); !s.StepDone {
		t.Errorf("the second attempt is not done by its solution: %s", s.Notice)
	}
}

func TestARecordOfValuesThatAreGoneIsForgotten(t *testing.T) {
	lesson, err := lessons.Parse("varied.md", []byte(variedText), nil)
	must(t, err)
	record := Record{Step: "mend", Variables: lessons.Choice{"app": "three"}}
	got, err := attempt(lesson, &record)
	must(t, err)
	if record.Step != "" || record.Variables["app"] != got.Choice["app"] || got.Choice["app"] == "" {
		t.Errorf("the record is %+v of %s", record, got.Choice)
	}
}

func TestASeedIsKept(t *testing.T) {
	lesson, err := lessons.Parse("varied.md", []byte(variedText), nil)
	must(t, err)
	for seed := range uint64(20) {
		want := lesson.Draw(Seeded(seed), nil)
		fixed, err := lesson.With(want)
		must(t, err)
		if got, err := attempt(fixed, &Record{}); err != nil || got.Choice.String() != want.String() {
			t.Fatalf("seed %d gives %s, not %s: %v", seed, got.Choice, want, err)
		}
	}
}

// TestValuesOfALessonBeginFarApart has the first values of each lesson begin before the second of any.
func TestValuesOfALessonBeginFarApart(t *testing.T) {
	varied, err := lessons.Parse("varied.md", []byte(variedText), nil)
	must(t, err)
	plain, err := lessons.Parse("sound.md", []byte(soundText), nil)
	must(t, err)
	for _, c := range []struct {
		how  How
		want []int
	}{
		{How{Values: true}, []int{0, 2, 3, 1, 4}},
		{How{}, []int{0, 1, 2}},
	} {
		all, order, err := c.how.play([]*lessons.Lesson{varied, plain, varied})
		must(t, err)
		if !slices.Equal(order, c.want) || len(all) != len(order) {
			t.Errorf("%+v: %d lessons begin in the order %v, not %v", c.how, len(all), order, c.want)
		}
	}
}
