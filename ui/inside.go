package ui

import (
	"context"
	"slices"

	"kubarium/ui/watch"
)

// Insider is a Cluster that can look inside of its nodes.
type Insider interface {
	// Inside calls show with what is inside of a Pod, a Service or a Node, and again
	// whenever that changes, until ctx ends.
	Inside(ctx context.Context, kind, namespace, name string, show func(string)) error
}

// CanLook implements detail.Looker.
func (b *backend) CanLook(ref watch.Ref) bool {
	_, ok := b.cluster.(Insider)
	return ok && slices.Contains([]string{"Pod", "Service", "Node"}, ref.Kind)
}

// Inside implements detail.Looker.
func (b *backend) Inside(ctx context.Context, ref watch.Ref, show func(string)) error {
	return b.cluster.(Insider).Inside(ctx, ref.Kind, ref.Namespace, ref.Name, show)
}

// allTabs has an object's view show all the tabs that there are.
type allTabs struct{ api }

// CanLook implements detail.Looker.
func (allTabs) CanLook(watch.Ref) bool { return true }

// Inside implements detail.Looker.
func (allTabs) Inside(context.Context, watch.Ref, func(string)) error { return nil }

// CanTell implements detail.Teller.
func (allTabs) CanTell(watch.Ref) bool { return true }

// Story implements detail.Teller.
func (allTabs) Story(context.Context, watch.Ref, func(string)) error { return nil }
