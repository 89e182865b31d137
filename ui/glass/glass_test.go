package glass

import (
	"context"
	"errors"
	"fmt"
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

// TestPanesHoldWhatFits: what is not shown takes no place from what is, and what fits another
// filter is looked for in the whole trace.
func TestPanesHoldWhatFits(t *testing.T) {
	store := trace.NewStore()
	request := func(verb, name string) {
		store.Add(trace.Event{
			Component: "kube-apiserver", Verb: verb, Object: trace.Object{Resource: "pods", Namespace: "shop", Name: name},
			Fields: map[string]string{"revisions": name},
		})
	}
	request("create", "first")
	for i := range 2 * keep {
		request("create", fmt.Sprint("more-", i))
	}
	request("create", "last")
	for range 2 * keep {
		request("get", "first")
	}
	// Of a write to etcd, the namespace and the name are known when it is completed.
	store.AddLate(trace.Event{Component: "etcd", Verb: "create", Object: trace.Object{Resource: "pods"}}, trace.Late{Complete: func(e *trace.Event) { e.Object.Name = "first" }})
	for range 2 * keep {
		store.Add(trace.Event{Component: "etcd", Verb: "update", Object: trace.Object{Resource: "pods", Name: "other"}})
	}
	store.Add(trace.Event{Component: "kube-apiserver", Verb: "notify", Fields: map[string]string{"revision": "first", "to": "a, b"}})

	v := opened(Sources{Flow: func(ctx context.Context, want Want) (Batch, bool) { return Read(ctx, store, want), true }})
	defer v.Close()
	sees := func(at int, want ...string) {
		t.Helper()
		var got []string
		for _, e := range v.flows[at].shown {
			got = append(got, e.Verb+" "+e.Object.Name)
		}
		if len(want) == 1 && len(got) > 1 {
			got = got[len(got)-1:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the pane of %s has %q, not %q", names[at], got, want)
		}
	}
	v.Update(v.begin()())
	if n := len(v.flows[requests].shown); n != keep {
		t.Errorf("the pane has %d requests, not %d", n, keep)
	}
	v.ctx.Text = "first"
	cmd := v.Sync()
	if v.told || cmd == nil {
		t.Error("the trace is not read again for another filter")
	}
	v.Update(cmd())
	sees(requests, "create first")
	sees(writes, "create first")
	if v.Sync() != nil {
		t.Error("the trace is read again for the same filter")
	}
	// A picture that is kept still is filtered, too, and has nothing that came later.
	v.pause()
	store.Add(trace.Event{Component: "etcd", Verb: "delete", Object: trace.Object{Resource: "pods", Name: "last"}})
	v.ctx.Text = "last"
	v.Update(v.Sync()())
	sees(requests, "create last")
	if n := len(v.flows[writes].shown); n != 0 {
		t.Errorf("a picture that is kept still has %d new events", n)
	}
	v.Update(v.pause()())
	sees(writes, "delete last")
	// What a scan that was given up brings, is not shown.
	v.ctx.Text = "first"
	old := v.Sync()
	v.ctx.Text = "last"
	v.Update(v.Sync()())
	v.Update(old())
	sees(requests, "create last")
	// Who was told of a change is known, whatever is shown.
	v.open = &trace.Event{Component: "kube-apiserver", Fields: map[string]string{"revisions": "first"}}
	v.Update(v.findWatchers(*v.open)())
	if got := v.describe(*v.open); !strings.Contains(got, "toldWatchers:\n- a\n- b") {
		t.Errorf("the request is told as\n%s", got)
	}
}
