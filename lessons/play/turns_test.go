package play

import (
	"context"
	"strings"
	"testing"

	"kubarium/lessons"
)

const turnsText = `---
id: turns
title: Turns
minutes: 5
---

Look.

## Run it

Run kubarium/web:1.0 as web.

` + "```yaml step" + `
id: run
checks:
  - name: web is ready
    expr: ready(pod("web"))
    saw: [{say: No.}]
hints:
  - say: First.
  - say: Later.
    after: 9
  - {say: "Tried {{ attempts() }} times.", when: attempts() >= 2}
solve: ["kubectl run web --image=kubarium/web:1.0"]
` + "```" + `
`

func turns(t *testing.T, text string) *exam {
	lesson, err := lessons.Parse("turns.md", []byte(text), nil)
	must(t, err)
	e := &exam{t: t, cluster: newFakeCluster(t)}
	e.player, err = New(lesson, Env{Client: e.cluster.client})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" })
	e.cluster.watched(lesson)
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Step == 0 })
	return e
}

func TestWrongTurnsAreNoticed(t *testing.T) {
	e := turns(t, turnsText)
	must(t, e.cluster.create(t.Context(), pod("server", "x")))
	e.untilSeen("server")
	for i, c := range []struct {
		line   string
		exit   int
		output string
		want   string
	}{
		{"kubectl run web --image=kubarium/web:1.0 -n other", 0, "", "in the namespace other. This lesson works in default"},
		{"kubectl get pods -n other", 0, "", ""},
		{"kubectl run web --image=kubarium/wep:1.0", 0, "", "you wrote kubarium/wep:1.0, and it is called kubarium/web:1.0"},
		{"kubectl set image pod/web web=kubarium/web:1.O", 0, "", "you wrote kubarium/web:1.O"},
		{"kubectl run web --image=kubarium/web:1.0", 0, "", ""},
		{"kubectl run web --image=nginx", 0, "", ""},
		{"kubectl describe pod serwer", 1, `Error from server (NotFound): pods "serwer" not found`, "Did you mean server?"},
		{"kubectl describe pod server -n other", 1, `Error from server (NotFound): pods "server" not found`, "server is in the namespace default"},
		{"kubectl describe pod stranger", 1, `Error from server (NotFound): pods "stranger" not found`, ""},
	} {
		e.player.Command(c.line, c.exit, c.output)
		got := e.until(func(s Snapshot) bool { return s.Attempts == i+1 })
		if (c.want == "") != (got.Remark == "") || !strings.Contains(got.Remark, c.want) {
			t.Errorf("%s: %q, not %q", c.line, got.Remark, c.want)
		}
	}
}

func TestNobodyRemarksInAnExam(t *testing.T) {
	text := strings.Replace(turnsText, "minutes: 5", "minutes: 5\nkind: exam\nlimit: 1h\npass: 1", 1)
	text = strings.Replace(text, "id: run", "id: run\npoints: 1\ndomain: Pods", 1)
	e := turns(t, text)
	e.player.Command("kubectl run web --image=kubarium/wep:1.0 -n other", 0, "")
	e.player.Hint()
	s := e.until(func(s Snapshot) bool { return s.Attempts == 1 })
	if s.Remark != "" || len(s.Hints) > 0 || s.MoreHints > 0 {
		t.Errorf("remark %q, hints %q and %d more", s.Remark, s.Hints, s.MoreHints)
	}
}

func TestHintsGrow(t *testing.T) {
	e := turns(t, turnsText)
	s := e.until(func(Snapshot) bool { return true })
	if s.MoreHints != 1 || s.LaterHints != 1 || s.HintOffered {
		t.Errorf("at first %d hints, %d later, offered: %t", s.MoreHints, s.LaterHints, s.HintOffered)
	}
	e.cluster.stuck = "ImagePullBackOff"
	must(t, e.cluster.create(t.Context(), pod("web", "kubarium/wep:1.0")))
	for range 3 {
		e.player.Command("kubectl get pods", 0, "web")
	}
	s = e.until(func(s Snapshot) bool { return s.Attempts == 3 && s.MoreHints == 3 })
	if !s.HintOffered {
		t.Error("after three commands no hint is offered")
	}
	e.player.Hint()
	s = e.until(func(s Snapshot) bool { return len(s.Hints) == 1 })
	if !strings.Contains(s.Hints[0], "Nobody has asked yet why web is ImagePullBackOff") || s.HintOffered {
		t.Errorf("the first hint is %q; another is offered: %t", s.Hints[0], s.HintOffered)
	}
	e.player.Command("kubectl describe pod web", 0, "manifest unknown")
	e.player.Hint()
	e.player.Hint()
	s = e.until(func(s Snapshot) bool { return len(s.Hints) == 3 })
	if s.Hints[1] != "First." || s.Hints[2] != "Tried 4 times." || s.MoreHints != 0 || s.LaterHints != 1 {
		t.Errorf("hints are %q, %d more, %d later", s.Hints, s.MoreHints, s.LaterHints)
	}
}
