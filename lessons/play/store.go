package play

import (
	"cmp"
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	kwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"kubarium/lessons"
)

// change is one thing that a watch reported. Each is applied and evaluated by
// itself, so that a state that lasted only a moment is seen too.
type change struct {
	resource schema.GroupVersionResource
	set      []*unstructured.Unstructured
	gone     *unstructured.Unstructured
	// replace says that set is everything there is.
	replace bool
}

// watch reports every change of a resource until the context ends.
func watch(ctx context.Context, client dynamic.Interface, res lessons.Resource, out chan<- change) {
	api := client.Resource(res.GroupVersionResource)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return api.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (kwatch.Interface, error) {
			return api.Watch(ctx, o)
		},
	}
	r := cache.NewReflectorWithOptions(
		cache.ToListWatcherWithWatchListSemantics(lw, client),
		&unstructured.Unstructured{},
		&sink{ctx: ctx, resource: res.GroupVersionResource, out: out},
		cache.ReflectorOptions{Name: "lesson " + res.Resource, TypeDescription: res.Resource},
	)
	r.RunWithContext(ctx)
}

// sink is the reflector's store; it passes everything on.
type sink struct {
	ctx      context.Context
	resource schema.GroupVersionResource
	out      chan<- change
}

var _ cache.ReflectorStore = (*sink)(nil)

func (s *sink) Add(o any) error    { return s.Update(o) }
func (s *sink) Update(o any) error { return s.send(change{set: objects(o)}) }
func (s *sink) Resync() error      { return nil }

func (s *sink) Delete(o any) error {
	for _, u := range objects(o) {
		if err := s.send(change{gone: u}); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) Replace(list []any, _ string) error {
	return s.send(change{set: objects(list...), replace: true})
}

func (s *sink) send(c change) error {
	c.resource = s.resource
	for _, o := range c.set {
		// An absent field and one that is null mean the same; conditions should
		// not have to ask for both.
		maps.DeleteFunc(o.Object, func(_ string, v any) bool { return v == nil })
	}
	select {
	case s.out <- c:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

func objects(list ...any) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, o := range list {
		if u, ok := o.(*unstructured.Unstructured); ok {
			all = append(all, u)
		}
	}
	return all
}

type objectKey struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

// store is the player's picture of the cluster. It belongs to one goroutine.
type store struct {
	objects  map[objectKey]*unstructured.Unstructured
	listed   map[schema.GroupVersionResource]bool
	commands []lessons.Command
	// attempted counts those of the step, in all sessions.
	attempted int
	// probes are the newest answers by name, components the states by name.
	probes     map[string]lessons.Answer
	components map[string]string
	attempts   map[types.UID]*lessons.Attempt
	// looks are what was looked at in this step, each once, and rules the packet rules at
	// which it looks.
	looks []lessons.Look
	rules map[lessons.RulesOf]lessons.Rules
}

var _ lessons.State = (*store)(nil)

func newStore() *store {
	return &store{
		objects: map[objectKey]*unstructured.Unstructured{}, listed: map[schema.GroupVersionResource]bool{},
		probes: map[string]lessons.Answer{}, components: map[string]string{},
		attempts: map[types.UID]*lessons.Attempt{}, rules: map[lessons.RulesOf]lessons.Rules{},
	}
}

func (s *store) apply(c change) {
	if c.replace {
		for k := range s.objects {
			if k.resource == c.resource {
				delete(s.objects, k)
			}
		}
		s.listed[c.resource] = true
	}
	for _, o := range c.set {
		s.objects[objectKey{c.resource, o.GetNamespace(), o.GetName()}] = o
	}
	if c.gone != nil {
		delete(s.objects, objectKey{c.resource, c.gone.GetNamespace(), c.gone.GetName()})
	}
}

// synced reports whether every resource was listed once. Before that, what is
// not in the store may still be in the cluster.
func (s *store) synced(resources map[schema.GroupVersionResource]bool) bool {
	for r := range resources {
		if !s.listed[r] {
			return false
		}
	}
	return true
}

// keys returns what is there, without events, which nobody deletes.
func (s *store) keys() map[objectKey]bool {
	all := map[objectKey]bool{}
	for k := range s.objects {
		if k.resource.Resource != "events" {
			all[k] = true
		}
	}
	return all
}

func (s *store) Object(gvr schema.GroupVersionResource, namespace, name string) map[string]any {
	if o, ok := s.objects[objectKey{gvr, namespace, name}]; ok {
		return o.Object
	}
	return nil
}

func (s *store) Objects(gvr schema.GroupVersionResource) []map[string]any {
	var keys []objectKey
	for k := range s.objects {
		if k.resource == gvr {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b objectKey) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	all := make([]map[string]any, len(keys))
	for i, k := range keys {
		all[i] = s.objects[k].Object
	}
	return all
}

func (s *store) Attempts() int { return s.attempted }

func (s *store) Probe(name string) lessons.Answer { return s.probes[name] }

func (s *store) Component(name string) string { return s.components[name] }

func (s *store) Looks() []lessons.Look { return s.looks }

func (s *store) look(looks ...lessons.Look) {
	for _, l := range looks {
		if !slices.Contains(s.looks, l) {
			s.looks = append(s.looks, l)
		}
	}
}

func (s *store) Rules(of lessons.RulesOf) lessons.Rules { return s.rules[of] }

func (s *store) Commands() []lessons.Command { return s.commands }
