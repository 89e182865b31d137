// Package names tells what objects there are, of all kinds, by their names alone: enough to
// find one by some of its letters.
package names

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubarium/ui/resource"
)

const (
	// most bounds the objects of one kind.
	most = 2000
	// patience is how long one kind may take.
	patience = 30 * time.Second
	// together is how many kinds are asked for at once.
	together = 4
	// gather is how long what was found waits for more.
	gather = 40 * time.Millisecond
)

// Name is one object of a kind.
type Name struct{ Namespace, Name string }

// Found is what there is of one kind.
type Found struct {
	Kind  resource.Kind
	Names []Name
	// More says that there are others, which were not asked for.
	More bool
	Err  error
}

// Lister lists the names of one kind, in one namespace or in all.
type Lister func(ctx context.Context, kind resource.Kind, namespace string) (names []Name, more bool, err error)

// FromServer asks an API server for no more of objects than what they are called.
func FromServer(config *rest.Config) Lister {
	return func(ctx context.Context, kind resource.Kind, namespace string) ([]Name, bool, error) {
		config := rest.CopyConfig(config)
		config.QPS = -1 // what a screen asks must not wait for what others ask
		client, err := metadata.NewForConfig(config)
		if err != nil {
			return nil, false, fmt.Errorf("client for %s: %w", kind.Title(), err)
		}
		in := metadata.ResourceInterface(client.Resource(kind.GroupVersionResource))
		if kind.Namespaced && namespace != "" {
			in = client.Resource(kind.GroupVersionResource).Namespace(namespace)
		}
		list, err := in.List(ctx, metav1.ListOptions{Limit: most})
		if err != nil {
			return nil, false, fmt.Errorf("list %s: %w", kind.Title(), err)
		}
		names := make([]Name, len(list.Items))
		for i := range list.Items {
			names[i] = Name{list.Items[i].Namespace, list.Items[i].Name}
		}
		return names, list.Continue != "", nil
	}
}

// Search looks through kinds until it is closed.
type Search struct {
	cancel context.CancelFunc
	found  chan Found
	// Kinds is how many there are.
	Kinds int
}

// Begin begins to look through kinds; ctx ends it, too.
func Begin(ctx context.Context, list Lister, kinds []resource.Kind, namespace string) *Search {
	ctx, cancel := context.WithCancel(ctx)
	// There is room for all, so that nobody waits for a reader who has gone.
	s := &Search{cancel: cancel, found: make(chan Found, len(kinds)), Kinds: len(kinds)}
	go func() {
		defer close(s.found)
		var asking errgroup.Group
		asking.SetLimit(together)
		for _, k := range kinds {
			asking.Go(func() error {
				if ctx.Err() == nil {
					s.found <- ask(ctx, list, k, namespace)
				}
				return nil
			})
		}
		_ = asking.Wait() // each says with what it found why it found nothing
	}()
	return s
}

func ask(ctx context.Context, list Lister, k resource.Kind, namespace string) Found {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f := Found{Kind: k}
	f.Names, f.More, f.Err = list(ctx, k, namespace)
	return f
}

// Next waits for what was found since it was called last; false at the end.
func (s *Search) Next() ([]Found, bool) {
	first, ok := <-s.found
	if !ok {
		return nil, false
	}
	found := []Found{first}
	timeout := time.NewTimer(gather)
	defer timeout.Stop()
	for {
		select {
		case f, ok := <-s.found:
			if !ok {
				return found, true
			}
			found = append(found, f)
		case <-timeout.C:
			return found, true
		}
	}
}

// Close ends the search; nobody waits for it.
func (s *Search) Close() { s.cancel() }
