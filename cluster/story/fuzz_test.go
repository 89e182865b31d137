package story

import (
	"strings"
	"testing"
	"time"

	"kubarium/cluster/trace"
)

// FuzzFields reads what the taps put into the fields of their events.
func FuzzFields(f *testing.F) {
	f.Add("/registry/services/endpoints/default/web", "7,8", "8", "2026-01-02T15:04:05.000000001Z", ".spec.replicas: 1 -> 2\n.status: a: b", `{"podSandboxID":"0123456789abcdef"}`)
	f.Add("/registry/", ",", "", "", ": \n:", `{"podSandboxID":"short"}`)
	f.Add("", "", "", "yesterday", "", "null")
	f.Fuzz(func(t *testing.T, key, revisions, revision, received, diff, response string) {
		write := trace.Event{Time: time.Now(), Fields: map[string]string{"key": key, "revision": revision}}
		request := trace.Event{Fields: map[string]string{"revisions": revisions, "received": received}}
		if made(request, write) && !strings.Contains(revisions, revision) {
			t.Errorf("a request with the revisions %q made %q", revisions, revision)
		}
		if resource := resourceOf(write); strings.Contains(resource, "/") {
			t.Errorf("%q is of the resource %q", key, resource)
		}
		if told := changed(diff); strings.Contains(told, "\n") {
			t.Errorf("%q is told as %q", diff, told)
		}
		if id := madeID(trace.Event{Fields: map[string]string{"response": response}}, "podSandboxID"); id != "" && len(id) != 14 {
			t.Errorf("%q has the ID %q", response, id)
		}
	})
}
