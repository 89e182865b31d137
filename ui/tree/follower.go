package tree

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/ui/resource"
	"kubarium/ui/watch"
)

// window is the least time between two trees that are given out.
const window = 50 * time.Millisecond

var errUnknown = errors.New("the server does not know this kind")

// Node is an object and what it owns.
type Node struct {
	Ref     watch.Ref
	Kind    resource.Kind
	Row     resource.Row
	Columns []metav1.TableColumnDefinition
	Owned   []*Node
}

// Tree is what hangs together by ownership at one moment.
type Tree struct {
	// Root owns, at whatever distance, the object that was asked for; nil if that is
	// not there.
	Root *Node
	// Waiting counts the kinds that the server has not listed yet.
	Waiting int
	// Refused are the kinds that could not be listed.
	Refused []string
	// versions are of all objects that are followed.
	versions map[watch.Ref]string
}

// follower follows the objects of all kinds, as the server prints them.
type follower struct {
	source  resource.Source
	catalog *resource.Catalog
	ref     watch.Ref
	dirty   chan struct{}
	done    chan struct{}

	mu     sync.Mutex
	closed bool
	kinds  map[string]*followed
	// open counts the feeds that have not ended; ended is closed when none is left.
	open  int
	ended chan struct{}
}

type followed struct {
	kind  resource.Kind
	feed  resource.Feed
	state resource.State
}

// follow begins to follow whatever an object may own, or be owned by.
func follow(source resource.Source, catalog *resource.Catalog, ref watch.Ref) *follower {
	f := &follower{
		source: source, catalog: catalog, ref: ref, kinds: map[string]*followed{},
		dirty: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range catalog.Kinds() {
		// What is in a namespace owns nothing outside; its own owner may be there.
		if k.Namespaced || ref.Namespace == "" {
			f.add(k)
		}
	}
	return f
}

// add follows a kind. Events have no owners, and what cannot be watched is made up when
// asked for.
func (f *follower) add(k resource.Kind) {
	if _, there := f.kinds[k.Title()]; there || f.closed || !k.Watched || k.Name == "Event" {
		return
	}
	namespace := f.ref.Namespace
	if !k.Namespaced {
		namespace = ""
	}
	part := &followed{kind: k}
	f.kinds[k.Title()] = part
	feed, err := f.source(k, resource.Query{Namespace: namespace})
	if err != nil {
		part.state.Err = err
		return
	}
	part.feed = feed
	f.open++
	go f.run(part)
}

func (f *follower) run(part *followed) {
	for {
		state, open := part.feed.Next()
		if !open {
			f.end()
			return
		}
		f.mu.Lock()
		if len(state.Columns) == 0 {
			state.Columns = part.state.Columns
		}
		part.state = state
		for _, r := range state.Rows {
			for _, owner := range r.Owners {
				f.addOwner(owner)
			}
		}
		f.mu.Unlock()
		select {
		case f.dirty <- struct{}{}:
		default:
		}
	}
}

func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open--; f.open == 0 {
		close(f.ended)
	}
}

func (f *follower) addOwner(owner metav1.OwnerReference) {
	gv, err := schema.ParseGroupVersion(owner.APIVersion)
	if err != nil {
		return
	}
	for _, k := range f.catalog.Kinds() {
		if k.Group == gv.Group && k.Name == owner.Kind {
			f.add(k)
		}
	}
}

// asked is why the kind that was asked for cannot be listed; nil if it can.
func (f *follower) asked(ref watch.Ref) error {
	k, ok := f.catalog.Of(ref)
	if !ok {
		return errUnknown
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if part := f.kinds[k.Title()]; part != nil && !part.state.Loaded {
		return part.state.Err
	}
	return nil
}

// close ends all; nothing here waits for it.
func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	close(f.done)
	for _, part := range f.kinds {
		if part.feed != nil {
			go part.feed.Close()
		}
	}
}

// next waits for a tree that was not given out yet; false at the end.
func (f *follower) next() (Tree, bool) {
	if !f.changed() {
		return Tree{}, false
	}
	select {
	case <-f.done:
		return Tree{}, false
	case <-time.After(window):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dirty: // it is in what is given out now
	default:
	}
	return f.build(), true
}

// changed waits for a change; false at the end.
func (f *follower) changed() bool {
	select {
	case <-f.done:
		return false
	case <-f.dirty:
		return true
	case <-f.ended:
	}
	select {
	case <-f.dirty:
		return true
	default:
		return false
	}
}

// build makes the tree of what is known now.
func (f *follower) build() Tree {
	t := Tree{versions: map[watch.Ref]string{}}
	nodes := map[types.UID]*Node{}
	owned := map[types.UID][]*Node{}
	var wanted *Node
	for title, part := range f.kinds {
		switch {
		case part.state.Loaded:
		case part.state.Err != nil:
			t.Refused = append(t.Refused, title)
		default:
			t.Waiting++
		}
		for _, r := range part.state.Rows {
			n := &Node{Ref: part.kind.Ref(r.Namespace, r.Name), Kind: part.kind, Row: r, Columns: part.state.Columns}
			nodes[r.UID] = n
			t.versions[n.Ref] = r.Version
			for _, owner := range r.Owners {
				owned[owner.UID] = append(owned[owner.UID], n)
			}
			if n.Ref == f.ref {
				wanted = n
			}
		}
	}
	slices.Sort(t.Refused)
	if wanted != nil {
		t.Root = top(wanted, nodes)
		hang(t.Root, owned, map[types.UID]bool{})
	}
	return t
}

// top goes up to what owns all the rest; the owner that controls comes first.
func top(n *Node, nodes map[types.UID]*Node) *Node {
	for seen := map[types.UID]bool{}; !seen[n.Row.UID]; {
		seen[n.Row.UID] = true
		owners := slices.Clone(n.Row.Owners)
		slices.SortStableFunc(owners, func(a, b metav1.OwnerReference) int { return cmp.Compare(controls(b), controls(a)) })
		for _, o := range owners {
			if up := nodes[o.UID]; up != nil {
				n = up
				break
			}
		}
	}
	return n
}

func controls(o metav1.OwnerReference) int {
	if o.Controller != nil && *o.Controller {
		return 1
	}
	return 0
}

// hang gives each node what it owns; nothing hangs twice.
func hang(n *Node, owned map[types.UID][]*Node, seen map[types.UID]bool) {
	seen[n.Row.UID] = true
	for _, o := range owned[n.Row.UID] {
		if !seen[o.Row.UID] {
			n.Owned = append(n.Owned, o)
			hang(o, owned, seen)
		}
	}
	// Of one kind the newest come first, such as the ReplicaSet that counts now.
	slices.SortFunc(n.Owned, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Ref.Kind, b.Ref.Kind), b.Row.Created.Compare(a.Row.Created), strings.Compare(a.Row.Name, b.Row.Name))
	})
}
