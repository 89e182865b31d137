package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"kubarium/cluster/story"
	"kubarium/cluster/trace"
)

// TestTellStory reads a story that the trace has, then what comes on.
func TestTellStory(t *testing.T) {
	store := trace.NewStore()
	at := moment()
	write := func(verb, resource, name, uid, owner string, revision string) {
		at = at.Add(time.Second)
		store.Add(trace.Event{
			Time: at, Component: "etcd", Verb: verb,
			Object: trace.Object{Kind: resource, Resource: resource, Namespace: "shop", Name: name, UID: uid},
			Fields: map[string]string{"key": "/registry/" + resource + "/shop/" + name, "revision": revision, "ownerUID": owner},
		})
	}
	request := func(actor, resource, name, revision string) {
		at = at.Add(time.Second)
		store.Add(trace.Event{
			Time: at, Component: "kube-apiserver", Verb: "create", Actor: actor, Agent: "test",
			Object: trace.Object{Resource: resource, Namespace: "shop", Name: name},
			Fields: map[string]string{"received": at.Add(-1500 * time.Millisecond).Format(time.RFC3339Nano), "code": "201", "revisions": revision, "stage": "ResponseComplete"},
		})
	}
	// A story ends a moment before now, so that it is in order.
	later := func() {
		at = at.Add(time.Minute)
		store.Add(trace.Event{Time: at, Component: "etcd", Verb: "update", Object: trace.Object{Resource: "leases", Name: "node-1"}})
	}
	write("create", "deployments", "web", "d", "", "10")
	request("somebody", "deployments", "web", "10")
	later()

	ctx, cancel := context.WithCancel(t.Context())
	shown, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- tellStory(ctx, store, story.Root{Resource: "deployments", Namespace: "shop", Name: "web"}, func(text string) {
			select {
			case shown <- text:
			case <-ctx.Done():
			}
		})
	}()
	until := func(part string) {
		t.Helper()
		for {
			select {
			case text := <-shown:
				if strings.Contains(text, part) {
					return
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("the story never has %q", part)
			}
		}
	}
	until("somebody")
	write("create", "replicasets", "web-1", "r", "d", "11")
	request("system:serviceaccount:kube-system:deployment-controller", "replicasets", "web-1", "11")
	later()
	until("deployment-controller")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
