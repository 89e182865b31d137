package play

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const sandboxText = `---
id: free
kind: sandbox
title: Free
minutes: 5
---

Do what you like.

## The first

Make one.

` + "```yaml step" + `
id: one
checks:
  - name: one is ready
    mode: edge
    expr: ready(pod("one"))
    saw: [{say: No.}]
solve: ["kubectl run one --image=web"]
` + "```" + `

## The second

Make two.

` + "```yaml step" + `
id: two
checks:
  - name: two is ready
    mode: edge
    expr: ready(pod("two"))
    saw: [{say: No.}]
  - name: it was looked at
    mode: edge
    expr: typed("kubectl get pods")
    saw: [{say: No.}]
solve: ["kubectl run two --image=web", "kubectl get pods"]
` + "```" + `
`

func TestChallengesNoticeByThemselves(t *testing.T) {
	e := turns(t, sandboxText)
	must(t, e.cluster.create(t.Context(), pod("two", "web")))
	e.player.Command("kubectl get pods", 0, "two")
	s := e.until(func(s Snapshot) bool { return s.Steps[1] == Done })
	if s.Step != 0 || s.StepDone || s.Steps[0] != Current || !strings.Contains(s.News, "The second") {
		t.Errorf("at step %d (done: %t), %v, news %q", s.Step, s.StepDone, s.Steps, s.News)
	}
	must(t, e.cluster.pods().Delete(t.Context(), "two", metav1.DeleteOptions{}))
	e.player.Next()
	if s = e.until(func(s Snapshot) bool { return s.Busy == "" }); s.Step != 0 || s.Finished {
		t.Errorf("with one challenge left, next leads to %d (finished: %t)", s.Step, s.Finished)
	}
	must(t, e.cluster.create(t.Context(), pod("one", "web")))
	e.until(func(s Snapshot) bool { return s.StepDone && s.Steps[1] == Done })
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Finished })
}
