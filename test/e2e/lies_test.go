package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kubarium/cluster/trace"
)

// lie is something else that a tap could tell.
type lie[T any] struct {
	what string
	tell func(*T)
}

// believe waits until what is told agrees with a source that does not know of it, and then has
// each lie told in its place: a tap that told it must not pass.
func believe[T any](t *testing.T, tell func(context.Context) (T, error), agrees func(context.Context, T) error, lies ...lie[T]) {
	t.Helper()
	var told T
	eventually(t, "what is told to agree with an independent source", func(ctx context.Context) (err error) {
		if told, err = tell(ctx); err != nil {
			return err
		}
		return agrees(ctx, told)
	})
	for _, l := range lies {
		bent := copied(t, told)
		l.tell(&bent)
		if reflect.DeepEqual(bent, copied(t, told)) {
			t.Errorf("%s: that is what is told, and no lie", l.what)
			continue
		}
		if agrees(bounded(t), bent) == nil {
			t.Errorf("a tap is believed that tells of %s", l.what)
		}
	}
}

// copied is a copy that shares nothing.
func copied[T any](t *testing.T, value T) T {
	t.Helper()
	var copied T
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, &copied)
	}
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// tales are what taps tell as events.
type tales = []trace.Event

// leftOut is a tap that does not see a kind of event.
func leftOut(verb string) lie[tales] {
	return lie[tales]{"no " + verb, func(list *tales) {
		*list = slices.DeleteFunc(*list, func(e trace.Event) bool { return e.Verb == verb })
	}}
}

// bent changes all events of a kind.
func bent(verb, what string, change func(*trace.Event)) lie[tales] {
	return lie[tales]{verb + " with " + what, func(list *tales) {
		for i := range *list {
			if (*list)[i].Verb == verb {
				change(&(*list)[i])
			}
		}
	}}
}

// another replaces a text in a field.
func another(verb, field, old, other string) lie[tales] {
	return bent(verb, fmt.Sprintf("%q in its %s", other, field), func(e *trace.Event) {
		e.Fields[field] = strings.ReplaceAll(e.Fields[field], old, other)
	})
}

// invented adds an event like another one.
func invented(verb string, change func(*trace.Event)) lie[tales] {
	return lie[tales]{"one more " + verb, func(list *tales) {
		at := slices.IndexFunc(*list, func(e trace.Event) bool { return e.Verb == verb })
		if at < 0 {
			return
		}
		data, _ := json.Marshal((*list)[at])
		var more trace.Event
		_ = json.Unmarshal(data, &more)
		change(&more)
		*list = append(*list, more)
	}}
}

// of are the events of a kind.
func of(list tales, verb string) tales {
	return slices.DeleteFunc(slices.Clone(list), func(e trace.Event) bool { return e.Verb != verb })
}

// during reports whether something happened during a call that a tap timed.
func during(e trace.Event, at time.Time) bool {
	took, err := time.ParseDuration(e.Fields["took"])
	if err != nil {
		return false
	}
	return !at.Before(e.Time.Add(-took-time.Millisecond)) && !at.After(e.Time.Add(time.Millisecond))
}
