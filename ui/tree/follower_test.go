package tree

import (
	"errors"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/resource"
	"kubarium/ui/watch"
)

// feed gives the states that it is told.
type feed struct {
	states chan resource.State
	closed chan struct{}
}

func (f feed) Next() (resource.State, bool) {
	select {
	case s := <-f.states:
		return s, true
	case <-f.closed:
		return resource.State{}, false
	}
}
func (f feed) Refresh() {}
func (f feed) Close()   { close(f.closed) }

func catalog() *resource.Catalog {
	verbs := metav1.Verbs{"get", "list", "watch"}
	kind := func(name, kind string, namespaced bool, verbs metav1.Verbs) metav1.APIResource {
		return metav1.APIResource{Name: name, Kind: kind, Namespaced: namespaced, Verbs: verbs}
	}
	return resource.NewCatalog([]*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{kind("pods", "Pod", true, verbs), kind("nodes", "Node", false, verbs), kind("events", "Event", true, verbs)}},
		{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{kind("shops", "Shop", true, verbs), kind("malls", "Mall", false, verbs), kind("plans", "Plan", false, verbs)}},
		{GroupVersion: "metrics.k8s.io/v1", APIResources: []metav1.APIResource{kind("podmetrics", "PodMetrics", true, metav1.Verbs{"get", "list"})}},
	})
}

func object(name string, owners ...string) resource.Row {
	r := resource.Row{UID: types.UID(name), Name: name, Version: "1"}
	for _, o := range owners {
		kind := map[byte]string{'s': "Shop", 'm': "Mall", 'p': "Pod"}[o[0]]
		version := "example.com/v1"
		if kind == "Pod" {
			version = "v1"
		}
		r.Owners = append(r.Owners, metav1.OwnerReference{APIVersion: version, Kind: kind, Name: o, UID: types.UID(o)})
	}
	return r
}

// names is a tree as words: an object, and in parentheses what it owns.
func names(n *Node) string {
	if n == nil {
		return "nothing"
	}
	s := n.Row.Name
	for _, o := range n.Owned {
		s += " (" + names(o) + ")"
	}
	return s
}

func TestFollower(t *testing.T) {
	feeds := map[string]feed{}
	queries := map[string]resource.Query{}
	asked := make(chan string, 20)
	source := func(k resource.Kind, q resource.Query) (resource.Feed, error) {
		if k.Title() == "nodes" {
			return nil, errors.New("no rights")
		}
		f := feed{make(chan resource.State), make(chan struct{})}
		feeds[k.Title()], queries[k.Title()] = f, q
		asked <- k.Title()
		return f, nil
	}
	pod := watch.Ref{Kind: "Pod", Namespace: "", Name: "pod-1"}
	f := follow(source, catalog(), watch.Ref{Kind: "Pod", Namespace: "shop", Name: "pod-1"})
	f.ref = pod // rows here have no namespace
	// Of kinds outside of namespaces only owners count, and of those that make things up or
	// report events, none.
	if got := []string{<-asked, <-asked}; len(feeds) != 2 || !slices.Equal(got, []string{"pods", "shops.example.com"}) {
		t.Fatalf("follows %v", got)
	}
	if queries["pods"].Namespace != "shop" {
		t.Errorf("asks for %+v", queries["pods"])
	}
	feeds["pods"].states <- resource.State{Loaded: true, Rows: []resource.Row{object("pod-1", "shop-1"), object("pod-2", "shop-1", "pod-3"), object("pod-3", "pod-2"), object("pod-4")}}
	tree, _ := f.next()
	if names(tree.Root) != "pod-1" || tree.Waiting != 1 {
		t.Errorf("%s, waits for %d", names(tree.Root), tree.Waiting)
	}
	feeds["shops.example.com"].states <- resource.State{Loaded: true, Rows: []resource.Row{object("shop-1", "mall-1")}}
	if got := <-asked; got != "malls.example.com" || queries[got].Namespace != "" {
		t.Fatalf("then follows %s %+v", got, queries[got])
	}
	feeds["malls.example.com"].states <- resource.State{Loaded: true, Rows: []resource.Row{object("mall-1"), object("mall-2")}}
	want := "mall-1 (shop-1 (pod-1) (pod-2 (pod-3)))"
	for names(tree.Root) != want || tree.Waiting > 0 {
		var open bool
		if tree, open = f.next(); !open {
			t.Fatal("ended")
		}
	}
	if tree.versions[watch.Ref{Kind: "Pod", Name: "pod-4"}] != "1" {
		t.Error("what is not in the tree is not followed")
	}
	// What goes takes nothing else along, and the tree says so.
	feeds["malls.example.com"].states <- resource.State{Loaded: true}
	for names(tree.Root) != "shop-1 (pod-1) (pod-2 (pod-3))" {
		tree, _ = f.next()
	}
	feeds["pods"].states <- resource.State{Loaded: true}
	for tree.Root != nil {
		tree, _ = f.next()
	}
	f.close()
	f.close()
	if _, open := f.next(); open {
		t.Error("a closed follower goes on")
	}
	for title, part := range feeds {
		if _, open := part.Next(); open {
			t.Errorf("%s is not closed", title)
		}
	}
}

func TestRefusedKinds(t *testing.T) {
	f := follow(func(resource.Kind, resource.Query) (resource.Feed, error) { return nil, errors.New("no rights") }, catalog(), watch.Ref{Kind: "Pod", Namespace: "shop", Name: "web"})
	defer f.close()
	if tree := f.build(); !slices.Equal(tree.Refused, []string{"pods", "shops.example.com"}) {
		t.Errorf("refused are %v", tree.Refused)
	}
	if err := f.asked(watch.Ref{Kind: "Pod", Namespace: "shop", Name: "web"}); err == nil {
		t.Error("nobody says why there is nothing")
	}
	if err := f.asked(watch.Ref{Kind: "Thing", Name: "web"}); !errors.Is(err, errUnknown) {
		t.Errorf("an unknown kind: %v", err)
	}
}
