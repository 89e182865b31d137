package play

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/cluster/component"
	"kubarium/cluster/control"
	"kubarium/lessons"
)

const backText = `---
id: back
title: Back
minutes: 5
cleanup:
  - delete: {resource: pods, name: web, namespace: default}
  - delete: {resource: pods, name: db, namespace: default}
---

Look.

## One

Run web.

` + "```yaml step" + `
id: one
checks:
  - name: web is ready
    expr: ready(pod("web"))
    saw: [{say: No.}]
solve: ["kubectl run web --image=x"]
` + "```" + `

## Two

Run db.

` + "```yaml step" + `
id: two
checks:
  - name: db is ready
    expr: ready(pod("db"))
    saw: [{say: No.}]
solve: ["kubectl run db --image=x"]
` + "```" + `
`

// returning is a cluster that can be brought back.
type returning struct {
	mu            sync.Mutex
	marks, cameTo []string
	back          func() error
}

func (*returning) Node(context.Context, string, string) error      { return nil }
func (*returning) Component(context.Context, string, string) error { return nil }
func (*returning) Watch(ctx context.Context, _ func(component.Info)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (r *returning) Mark(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks = append(r.marks, name)
	return nil
}

func (r *returning) ReturnTo(_ context.Context, name, _ string) (control.Rewound, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cameTo = append(r.cameTo, name)
	return control.Rewound{}, r.back()
}

func (r *returning) marked(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.marks, name)
}

// TestResetBringsTheClusterBack resets a step by the state at its start, and by doing the lesson
// again where that does not work, or where the step would be done already.
func TestResetBringsTheClusterBack(t *testing.T) {
	for name, back := range map[string]func(e *exam) error{
		"back": func(e *exam) error { return e.cluster.pods().Delete(e.t.Context(), "db", metav1.DeleteOptions{}) },
		"gone": func(*exam) error { return errors.New("no state is kept") },
		"same": func(*exam) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lesson, err := lessons.Parse("back.md", []byte(backText), nil)
			must(t, err)
			e := &exam{t: t, cluster: newFakeCluster(t)}
			r := &returning{back: func() error { return back(e) }}
			e.player, err = New(lesson, Env{Client: e.cluster.client, Control: r, run: e.cluster.run})
			must(t, err)
			// The namespace of these pods is not the lesson's own.
			e.player.confined = true
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = e.player.Run(ctx)
			}()
			defer func() { cancel(); <-ended }()
			e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
			e.cluster.watched(lesson)
			for step := range 2 {
				e.player.Next()
				e.until(func(Snapshot) bool { return r.marked("lesson back  "+lesson.Steps[step].ID) && e.player.isMarked() })
				e.player.ShowMe()
				e.until(func(s Snapshot) bool { return s.Step == step && s.StepDone && s.Busy == "" })
			}
			before, err := e.cluster.pods().Get(t.Context(), "web", metav1.GetOptions{})
			must(t, err)
			e.player.Reset()
			e.until(func(s Snapshot) bool { return s.Step == 1 && !s.StepDone && s.Busy == "" })
			after, err := e.cluster.pods().Get(t.Context(), "web", metav1.GetOptions{})
			must(t, err)
			if same := before.GetUID() == after.GetUID(); same != (name == "back") || len(r.cameTo) != 1 || r.cameTo[0] != "lesson back  two" {
				t.Errorf("web has its UID: %v; came to %v", same, r.cameTo)
			}
			if _, err := e.cluster.pods().Get(t.Context(), "db", metav1.GetOptions{}); err == nil {
				t.Error("what was done in the step is still there")
			}
		})
	}
}

// isMarked asks the player's loop.
func (p *Player) isMarked() bool {
	is := make(chan bool, 1)
	p.do(func() { is <- p.marked != "" })
	return <-is
}
