package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"kubarium/cluster/story"
	"kubarium/cluster/trace"
	"kubarium/ui/watch"
)

// keepSteps bounds a story on the screen: it is told from its newest steps then.
const keepSteps = 2000

// CanTell implements detail.Teller: who sees no requests, knows no stories.
func (b *backend) CanTell(ref watch.Ref) bool {
	return b.trace != nil && ref.Kind != "Event"
}

// Story implements detail.Teller.
func (b *backend) Story(ctx context.Context, ref watch.Ref, show func(string)) error {
	kind, err := b.kind(ref)
	if err != nil {
		return err
	}
	root := story.Root{Resource: kind.Resource, Group: kind.Group, Name: ref.Name}
	if kind.Namespaced {
		root.Namespace = ref.Namespace
	}
	return tellStory(ctx, b.trace, root, show)
}

// tellStory reads the trace, and shows the story whenever it has caught up with it.
func tellStory(ctx context.Context, from *trace.Store, root story.Root, show func(string)) error {
	type read struct {
		trace.Event
		lost uint64
	}
	events := make(chan read, 256)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(events)
		return from.Follow(ctx, 0, func(e trace.Event, lost uint64) error {
			select {
			case events <- read{e, lost}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		told, fresh := story.New(root), true
		var steps []story.Step
		for e := range events {
			told.Missing(e.lost)
			more := told.Add(e.Event)
			steps = append(steps, more...)
			fresh = fresh || len(more) > 0
			if fresh && len(events) == 0 {
				steps = slices.Delete(steps, 0, max(0, len(steps)-keepSteps))
				show(storyText(steps))
				fresh = false
			}
		}
		return nil
	})
	return group.Wait()
}

// storyText has two lines a step: what happened, and what makes it part of the story.
func storyText(steps []story.Step) string {
	if len(steps) == 0 {
		return fmt.Sprintf("Nothing is known yet. The newest %d MiB of what happened\nin the cluster are kept.", trace.Limit>>20)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "What came of it, from %s on:\n\n", steps[0].Time.Format("15:04:05.000"))
	for _, s := range steps {
		fmt.Fprintf(&text, "%+9.3f s  %s  %s\n", s.Time.Sub(steps[0].Time).Seconds(), s.Who, s.What)
		fmt.Fprintf(&text, "             %s\n", s.Why)
	}
	return text.String()
}
