package glass

import (
	"errors"
	"strings"
	"testing"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
	"kubarium/ui/pane"
	"kubarium/ui/theme"
)

func opened(sources Sources) *View {
	v, _ := Open(&pane.Context{Theme: theme.New(theme.Dark, true, true)}, sources)
	v.SetSize(120, 40)
	return v
}

// TestEachQuestionHasItsOwnTrouble: the scheduler that does not run says nothing of a value in
// etcd, nor a value of the queues; and the controllers' queues are there without the scheduler.
func TestEachQuestionHasItsOwnTrouble(t *testing.T) {
	v := opened(Sources{
		Queues: func() ([]trace.WorkQueue, error) {
			return []trace.WorkQueue{{Name: "deployment", Depth: 3, Adds: 21}}, nil
		},
		Pending: func() ([]trace.PendingPod, error) { return nil, errors.New("the scheduler does not run") },
	})
	defer v.Close()
	write := trace.Event{Seq: 7, Component: "etcd", Verb: "create", Fields: map[string]string{"key": "/registry/pods/shop/web", "revision": "731"}}
	v.open = &write
	v.Update(v.ask()())
	v.Update(valueMsg{v, write.Seq, stored.Entry{Value: []byte(`{"kind":"Pod"}`)}, nil})
	if got := v.describe(write); !strings.Contains(got, "kind: Pod") || strings.Contains(got, "scheduler") {
		t.Errorf("the write is told as\n%s", got)
	}
	v.entry = nil
	v.Update(valueMsg{v, write.Seq, stored.Entry{}, errors.New("compacted")})
	if got := v.describe(write); v.entry != nil || !strings.Contains(got, "not to be had: compacted") {
		t.Errorf("the write is told as\n%s", got)
	}
	got := v.waits()
	if !strings.Contains(got, "scheduler: 'not to be had: the scheduler does not run'") || !strings.Contains(got, "deployment") || strings.Contains(got, "compacted") {
		t.Errorf("what waits is told as\n%s", got)
	}
	if note := v.note(controllers); note != "3 wait" {
		t.Errorf("the controllers' note is %q", note)
	}
}
