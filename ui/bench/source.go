package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
)

const podsPath = "/api/v1/pods"

// kinds are what the app watches, by path.
func kinds() map[string]schema.GroupVersionKind {
	return map[string]schema.GroupVersionKind{
		podsPath:             corev1.SchemeGroupVersion.WithKind("Pod"),
		"/api/v1/nodes":      corev1.SchemeGroupVersion.WithKind("Node"),
		"/api/v1/services":   corev1.SchemeGroupVersion.WithKind("Service"),
		"/api/v1/events":     corev1.SchemeGroupVersion.WithKind("Event"),
		"/api/v1/namespaces": corev1.SchemeGroupVersion.WithKind("Namespace"),
		"/apis/discovery.k8s.io/v1/endpointslices": discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"),
		"/apis/apps/v1/deployments":                appsv1.SchemeGroupVersion.WithKind("Deployment"),
		"/apis/apps/v1/replicasets":                appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
	}
}

// object is what the source keeps.
type object interface {
	metav1.Object
	runtime.Object
}

// source is an API server as far as the app can tell: it lists objects and lets them be
// watched, and there is nothing behind it.
type source struct {
	nodes int

	mu      sync.Mutex
	changed chan struct{}
	version int
	serial  int
	pods    []*corev1.Pod
	objects map[string]map[string]object // by path and name
	// log has what happened, by path; a watch is at a place in it.
	log map[string][]logged
	// versions are those of the pods, by name.
	versions map[string]string
}

type logged struct {
	version int
	line    []byte
}

// Serve serves a source of so many objects on a port of this machine, tells the URL to
// ready, and goes on until ctx ends.
func Serve(ctx context.Context, nodes, pods int, ready func(url string)) error {
	s := &source{
		nodes: max(1, nodes), changed: make(chan struct{}), objects: map[string]map[string]object{},
		log: map[string][]logged{}, versions: map[string]string{},
	}
	for i := range nodes {
		s.put("/api/v1/nodes", makeNode(i))
	}
	for i := range pods {
		p := makePod(i, 0, s.nodes)
		s.pods = append(s.pods, p)
		s.put(podsPath, p)
	}
	// What is there at the beginning is listed, it has not happened.
	s.log = map[string][]logged{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the app: %w", err)
	}
	server := &http.Server{Handler: s.handler(ctx), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	ready("http://" + listener.Addr().String())
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serve the app: %w", err)
	}
	return nil
}

func (s *source) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { answer(w, version.Info{GitVersion: "v0.0.0-synthetic"}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.HandleFunc("GET /bench/versions", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, s.versions)
	})
	// Changes are made from now on, so many a second, for so long; the answer is how many.
	mux.HandleFunc("POST /bench/change", func(w http.ResponseWriter, r *http.Request) {
		rate, _ := strconv.Atoi(r.FormValue("rate"))
		lasts, _ := time.ParseDuration(r.FormValue("for"))
		answer(w, s.change(ctx, rate, lasts))
	})
	for path, kind := range kinds() {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !strings.Contains(r.Header.Get("Accept"), inProtobuf):
				http.Error(w, "objects are written as "+inProtobuf+" here", http.StatusNotAcceptable)
			case r.FormValue("watch") != "":
				s.watch(w, r, path, kind)
			default:
				s.list(w, path, kind)
			}
		})
	}
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who has gone misses nothing
}

// change makes rate changes a second, evenly, and returns how many.
func (s *source) change(ctx context.Context, rate int, lasts time.Duration) int {
	if rate <= 0 || len(s.pods) == 0 {
		return 0
	}
	random := rand.New(rand.NewPCG(7, 11)) // each run has the same changes
	begin, made := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		passed := min(time.Since(begin), lasts)
		for made < int(passed.Seconds()*float64(rate)) {
			s.mu.Lock()
			s.mutate(random)
			s.mu.Unlock()
			made++
		}
		if passed == lasts {
			return made
		}
		select {
		case <-ctx.Done():
			return made
		case <-tick.C:
		}
	}
}

// put and remove keep a change and tell who watches; s.mu is held unless nobody can.
func (s *source) put(path string, o object) {
	verb := "MODIFIED"
	key := o.GetNamespace() + "/" + o.GetName()
	if _, known := s.objects[path][key]; !known {
		verb = "ADDED"
	}
	s.stamp(o)
	if s.objects[path] == nil {
		s.objects[path] = map[string]object{}
	}
	s.objects[path][key] = o
	if path == podsPath {
		s.versions[key] = o.GetResourceVersion()
	}
	s.tell(path, verb, o)
}

func (s *source) remove(path string, o object) {
	key := o.GetNamespace() + "/" + o.GetName()
	delete(s.objects[path], key)
	delete(s.versions, key)
	s.stamp(o)
	s.tell(path, "DELETED", o)
}

func (s *source) stamp(o object) {
	s.version++
	o.SetResourceVersion(strconv.Itoa(s.version))
}

func (s *source) tell(path, verb string, o object) {
	s.log[path] = append(s.log[path], logged{s.version, event(verb, o)})
	close(s.changed)
	s.changed = make(chan struct{})
}

// inProtobuf is how the app asks for objects, and how a source writes them.
const inProtobuf = runtime.ContentTypeProtobuf

// encode writes an object as an API server does.
func encode(o runtime.Object) []byte {
	data, _ := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), o) // these types can always be written
	return data
}

// event is a change as a watch has it: a WatchEvent behind its length.
func event(verb string, o runtime.Object) []byte {
	e := metav1.WatchEvent{Type: verb, Object: runtime.RawExtension{Raw: encode(o)}}
	data, _ := e.Marshal()
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

func (s *source) list(w http.ResponseWriter, path string, kind schema.GroupVersionKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]runtime.Object, 0, len(s.objects[path]))
	for _, o := range s.objects[path] {
		items = append(items, o)
	}
	list, err := scheme.Scheme.New(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err == nil {
		err = meta.SetList(list, items)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	list.GetObjectKind().SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	list.(metav1.ListInterface).SetResourceVersion(strconv.Itoa(s.version))
	w.Header().Set("Content-Type", inProtobuf)
	_, _ = w.Write(encode(list)) // who has gone misses nothing
}

// watch streams what happens after the version that is asked for, with all that there is
// before it if that is wanted.
func (s *source) watch(w http.ResponseWriter, r *http.Request, path string, kind schema.GroupVersionKind) {
	w.Header().Set("Content-Type", inProtobuf+";stream=watch")
	flusher := http.NewResponseController(w)
	after, _ := strconv.Atoi(r.FormValue("resourceVersion"))
	var first [][]byte
	s.mu.Lock()
	if r.FormValue("sendInitialEvents") == "true" {
		for _, o := range s.objects[path] {
			first = append(first, event("ADDED", o))
		}
		first = append(first, bookmark(kind, s.version))
		after = s.version
	}
	at := len(s.log[path])
	for at > 0 && s.log[path][at-1].version > after {
		at--
	}
	s.mu.Unlock()
	for {
		for _, line := range first {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		if flusher.Flush() != nil {
			return
		}
		s.mu.Lock()
		fresh, wait := s.log[path][at:], s.changed
		at += len(fresh)
		s.mu.Unlock()
		first = first[:0]
		for _, l := range fresh {
			first = append(first, l.line)
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-wait:
		}
	}
}

// bookmark ends the events of what there was before.
func bookmark(kind schema.GroupVersionKind, version int) []byte {
	o, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil
	}
	o.GetObjectKind().SetGroupVersionKind(kind)
	m := o.(object)
	m.SetResourceVersion(strconv.Itoa(version))
	m.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	return event("BOOKMARK", m)
}
