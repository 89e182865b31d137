package play

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// inventory is the names of all objects of a cluster.
type inventory map[string]bool

// takeInventory lists every object of every kind, but for what the cluster
// makes and forgets by itself. Without a configuration (in tests of the
// player) it is empty.
func takeInventory(ctx context.Context, env Env) (inventory, error) {
	all := inventory{}
	if env.Config == nil {
		return all, nil
	}
	finder, err := discovery.NewDiscoveryClientForConfig(env.Config)
	if err != nil {
		return nil, fmt.Errorf("client for kinds: %w", err)
	}
	client, err := metadata.NewForConfig(env.Config)
	if err != nil {
		return nil, fmt.Errorf("client for metadata: %w", err)
	}
	kinds, err := finder.ServerPreferredResources()
	if err != nil {
		return nil, fmt.Errorf("list kinds: %w", err)
	}
	for _, group := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, kinds) {
		gv, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			continue
		}
		for _, kind := range group.APIResources {
			if err := all.add(ctx, client, gv.WithResource(kind.Name)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (v inventory) add(ctx context.Context, client metadata.Interface, gvr schema.GroupVersionResource) error {
	if slices.Contains([]string{"events", "leases", "ipaddresses", "podmetrics", "nodemetrics", "csinodes", "endpoints"}, gvr.Resource) {
		return nil
	}
	list, err := client.Resource(gvr).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list %s: %w", gvr.Resource, err)
	}
	for _, o := range list.Items {
		// What the cluster itself runs is replaced when a node goes.
		if o.Namespace == "kube-system" && len(o.OwnerReferences) > 0 {
			continue
		}
		v[strings.TrimPrefix(o.Namespace+"/", "/")+gvr.Resource+"/"+o.Name] = true
	}
	return nil
}

// left names what is in the cluster now and was not before. Owned objects go a
// moment after their owner: they get it.
func (v inventory) left(ctx context.Context, env Env) ([]string, error) {
	for attempt := 0; ; attempt++ {
		now, err := takeInventory(ctx, env)
		if err != nil {
			return nil, err
		}
		var names []string
		for name := range now {
			if !v[name] {
				names = append(names, "leaves behind "+name)
			}
		}
		if len(names) == 0 || attempt == 10 {
			slices.Sort(names)
			return names, nil
		}
		select {
		case <-env.clock().After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
