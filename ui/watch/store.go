package watch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"kubarium/ui/facts"
)

// Defaults of a Store.
const (
	defaultWindow = 50 * time.Millisecond
	defaultRetry  = time.Second
	// syncPatience is how long the first lists may take before what is there is
	// shown without the rest, such as kinds one may not read.
	syncPatience = 5 * time.Second
)

// Store follows one cluster.
type Store struct {
	// Client reaches the cluster.
	Client kubernetes.Interface
	// Health tells of requests without an answer; nil never does.
	Health *Health
	// Ask asks the API server whether it is ready.
	Ask func(context.Context) error
	// Namespace is the only one to follow, for users who may see no others; "" is all.
	Namespace string
	// Window is the least time between two snapshots; 0 is 50 ms. It is more when they take
	// long to build.
	Window time.Duration
	// Retry is the time between two questions while the API server is away; 0 is 1 s.
	Retry time.Duration
}

// Run follows the cluster until ctx ends, and gives what it sees to send, from
// one goroutine. A send that blocks delays the next snapshot, nothing else.
func (s *Store) Run(ctx context.Context, send func(tea.Msg)) {
	window, retry := s.Window, s.Retry
	if window == 0 {
		window = defaultWindow
	}
	if retry == 0 {
		retry = defaultRetry
	}
	var failed chan error
	if s.Health != nil {
		failed = s.Health.failed
	}
	for ctx.Err() == nil {
		err := s.follow(ctx, window, failed, send)
		if ctx.Err() != nil {
			return
		}
		send(DownMsg{Err: err})
		for s.ask(ctx) != nil && ctx.Err() == nil {
			wait(ctx, retry)
		}
		if s.Health != nil {
			s.Health.forget()
		}
		if ctx.Err() == nil {
			send(UpMsg{})
		}
	}
}

func (s *Store) ask(ctx context.Context) error {
	if s.Ask == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s.Ask(ctx)
}

// follow sends snapshots until ctx ends or the API server is gone, and then says
// why it thinks so. Informers do not outlive it: when the server comes back,
// new ones find it at once, where old ones would wait out their back-off.
func (s *Store) follow(ctx context.Context, window time.Duration, failed <-chan error, send func(tea.Msg)) error {
	ctx, cancel := context.WithCancel(ctx)
	f := newFeed(ctx, s.Client, s.Namespace)
	defer f.stop()
	defer cancel()

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			if s.ask(ctx) != nil {
				return err
			}
		case <-f.dirty:
			if !f.synced.Load() {
				continue
			}
			begin := time.Now()
			snapshot := f.build()
			built := time.Since(begin)
			send(SnapshotMsg{snapshot})
			wait(ctx, pause(window, built))
		}
	}
}

// What is built slowly, since there is much of it or the machine is busy, is built less
// often: keys are to be answered between two snapshots. mostPause is what a change may
// wait for at most.
const (
	slowdown  = 12
	mostPause = 500 * time.Millisecond
)

func pause(window, built time.Duration) time.Duration {
	return max(window, min(slowdown*built, mostPause))
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// kind is a bit for each thing that is watched.
type kind uint32

const (
	nodes kind = 1 << iota
	pods
	services
	endpointSlices
	deployments
	replicaSets
	events
	namespaces
	all = nodes | pods | services | endpointSlices | deployments | replicaSets | events | namespaces
)

// feed is one set of informers, and the snapshot made of them so far.
type feed struct {
	// dirty holds a token while there is something new.
	dirty chan struct{}

	changed  atomic.Uint32
	synced   atomic.Bool
	factory  informers.SharedInformerFactory
	events   *eventStore
	reflects sync.WaitGroup
	// namespaces is nil if only one of them is followed.
	namespaces corelisters.NamespaceLister

	last Snapshot
	// podChanges are those since pods was made.
	podChanges podChanges
	// pods are those of the last snapshot without what events say of them; pulling is
	// how many of the last snapshot's wait for an image.
	pods    []*facts.Pod
	pulling int
}

func newFeed(ctx context.Context, client kubernetes.Interface, namespace string) *feed {
	f := &feed{dirty: make(chan struct{}, 1)}
	f.factory = informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(slim), informers.WithNamespace(namespace))
	core, apps := f.factory.Core().V1(), f.factory.Apps().V1()
	for k, i := range map[kind]cache.SharedIndexInformer{
		nodes:          core.Nodes().Informer(),
		services:       core.Services().Informer(),
		endpointSlices: f.factory.Discovery().V1().EndpointSlices().Informer(),
		deployments:    apps.Deployments().Informer(),
		replicaSets:    apps.ReplicaSets().Informer(),
	} {
		// Adding to an informer that was not started cannot fail.
		_, _ = i.AddEventHandler(f.handler(k))
	}
	if namespace == "" {
		f.namespaces = core.Namespaces().Lister()
		_, _ = core.Namespaces().Informer().AddEventHandler(f.handler(namespaces))
	}
	told, _ := core.Pods().Informer().AddEventHandler(f.podChanges.handler(func() { f.mark(pods) }))
	f.events = newEventStore(func() { f.mark(events) })
	f.factory.StartWithContext(ctx)
	f.reflects.Go(func() { eventReflector(client, namespace, f.events).RunWithContext(ctx) })
	f.reflects.Go(func() { f.sync(ctx, told.HasSyncedChecker()) })
	return f
}

// sync waits for the first lists, and then lets snapshots be made.
func (f *feed) sync(ctx context.Context, told cache.DoneChecker) {
	ctx, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	f.factory.WaitForCacheSyncWithContext(ctx)
	cache.WaitFor(ctx, "", told)
	f.synced.Store(true)
	f.mark(all)
}

// stop waits until nothing of the feed runs; its context must have ended.
func (f *feed) stop() {
	f.factory.Shutdown()
	f.reflects.Wait()
}

func (f *feed) mark(k kind) {
	f.changed.Or(uint32(k))
	select {
	case f.dirty <- struct{}{}:
	default:
	}
}

func (f *feed) handler(k kind) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { f.mark(k) },
		UpdateFunc: func(_, _ any) { f.mark(k) },
		DeleteFunc: func(any) { f.mark(k) },
	}
}

// slim leaves out of objects what no pane shows and takes much memory.
func slim(obj any) (any, error) {
	if o, err := meta.Accessor(obj); err == nil {
		o.SetManagedFields(nil)
	}
	return obj, nil
}

func eventReflector(client kubernetes.Interface, namespace string, store cache.ReflectorStore) *cache.Reflector {
	list := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return client.CoreV1().Events(namespace).List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return client.CoreV1().Events(namespace).Watch(ctx, o)
		},
	}
	return cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(list, client),
		&corev1.Event{}, store, cache.ReflectorOptions{Name: "events"})
}
