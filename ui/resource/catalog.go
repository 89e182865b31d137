// Package resource shows the objects of any kind that the API server serves, as the
// server itself prints them in tables, live.
package resource

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"kubarium/ui/watch"
)

// Kind is a kind of objects that can be listed.
type Kind struct {
	schema.GroupVersionResource
	// Name is the kind's own name, such as "Deployment".
	Name       string
	Singular   string
	ShortNames []string
	Categories []string
	Namespaced bool
	// Watched says that the server tells of changes; metrics are only listed.
	Watched bool
	// Verbs are what the server lets do with the kind, if rights allow.
	Verbs []string
}

// Ref names an object of the kind.
func (k Kind) Ref(namespace, name string) watch.Ref {
	return watch.RefOf(k.Group, k.Name, namespace, name)
}

// Title is the kind as kubectl api-resources names it: "deployments.apps".
func (k Kind) Title() string { return k.GroupResource().String() }

// names are all words that mean the kind.
func (k Kind) names() []string {
	names := append([]string{k.Resource, k.Singular, strings.ToLower(k.Name)}, k.ShortNames...)
	if k.Group != "" {
		names = append(names, k.Title(), k.Singular+"."+k.Group)
	}
	return names
}

// Catalog is what kinds there are.
type Catalog struct{ kinds []Kind }

// Discover asks the API server for its kinds. A group whose own server does not answer is
// left out; that is no error unless nothing else is there.
func Discover(ctx context.Context, client discovery.DiscoveryInterface) (*Catalog, error) {
	lists, err := discovery.ToServerResourcesInterfaceWithContext(client).ServerPreferredResourcesWithContext(ctx)
	if len(lists) == 0 && err != nil {
		return nil, fmt.Errorf("discover kinds: %w", err)
	}
	return NewCatalog(lists), nil
}

// NewCatalog makes a catalog of what discovery found.
func NewCatalog(lists []*metav1.APIResourceList) *Catalog {
	c := &Catalog{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || strings.Contains(r.Name, "/") {
				continue
			}
			singular := r.SingularName
			if singular == "" {
				singular = strings.ToLower(r.Kind)
			}
			c.kinds = append(c.kinds, Kind{
				GroupVersionResource: gv.WithResource(r.Name), Name: r.Kind, Singular: singular,
				ShortNames: r.ShortNames, Categories: r.Categories, Namespaced: r.Namespaced,
				Watched: slices.Contains(r.Verbs, "watch"), Verbs: r.Verbs,
			})
		}
	}
	// Where two groups have a kind of the same name, the one that was there first counts:
	// pods are the core's, not those of the metrics.
	slices.SortStableFunc(c.kinds, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(rank(a.Group), rank(b.Group)), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource))
	})
	return c
}

// rank puts the core before Kubernetes' own groups, and those before others.
func rank(group string) int {
	switch {
	case group == "":
		return 0
	case !strings.Contains(group, "."), strings.HasSuffix(group, ".k8s.io") && !strings.Contains(group, "gateway") && group != "metrics.k8s.io":
		return 1
	}
	return 2
}

// Kinds are all kinds, the core's first.
func (c *Catalog) Kinds() []Kind {
	if c == nil {
		return nil
	}
	return c.kinds
}

// Same reports whether another catalog has the same kinds, of the same versions.
func (c *Catalog) Same(other *Catalog) bool {
	return slices.EqualFunc(c.Kinds(), other.Kinds(), func(a, b Kind) bool { return a.GroupVersionResource == b.GroupVersionResource })
}

// Find is the kind that a word means, as kubectl understands it: "po", "deploy", "Ingress",
// "certificates.example.com".
func (c *Catalog) Find(word string) (Kind, bool) {
	word = strings.ToLower(word)
	for _, k := range c.Kinds() {
		if slices.Contains(k.names(), word) {
			return k, true
		}
	}
	return Kind{}, false
}

// Of is the kind of an object.
func (c *Catalog) Of(ref watch.Ref) (Kind, bool) {
	for _, k := range c.Kinds() {
		if k.Ref(ref.Namespace, ref.Name) == ref {
			return k, true
		}
	}
	return Kind{}, false
}

// Complete is what words for kinds begin like that, each kind once, by its shortest name
// that does.
func (c *Catalog) Complete(prefix string) []string {
	prefix = strings.ToLower(prefix)
	var words []string
	for _, k := range c.Kinds() {
		if strings.HasPrefix(k.Resource, prefix) {
			words = append(words, k.Resource)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
