package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
)

const podsPath = "/api/v1/pods"

// kinds are what the app watches, by path.
func kinds() map[string]metav1.TypeMeta {
	return map[string]metav1.TypeMeta{
		podsPath:           {Kind: "PodList", APIVersion: "v1"},
		"/api/v1/nodes":    {Kind: "NodeList", APIVersion: "v1"},
		"/api/v1/services": {Kind: "ServiceList", APIVersion: "v1"},
		"/api/v1/events":   {Kind: "EventList", APIVersion: "v1"},
		"/apis/discovery.k8s.io/v1/endpointslices": {Kind: "EndpointSliceList", APIVersion: "discovery.k8s.io/v1"},
		"/apis/apps/v1/deployments":                {Kind: "DeploymentList", APIVersion: "apps/v1"},
		"/apis/apps/v1/replicasets":                {Kind: "ReplicaSetList", APIVersion: "apps/v1"},
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
	objects map[string]map[string]json.RawMessage // by path and name
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
		nodes: max(1, nodes), changed: make(chan struct{}), objects: map[string]map[string]json.RawMessage{},
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
	for path, list := range kinds() {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("watch") != "" {
				s.watch(w, r, path, list)
				return
			}
			s.list(w, path, list)
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
	data := s.stamp(path, o)
	if s.objects[path] == nil {
		s.objects[path] = map[string]json.RawMessage{}
	}
	s.objects[path][key] = data
	if path == podsPath {
		s.versions[key] = o.GetResourceVersion()
	}
	s.tell(path, verb, data)
}

func (s *source) remove(path string, o object) {
	key := o.GetNamespace() + "/" + o.GetName()
	delete(s.objects[path], key)
	delete(s.versions, key)
	s.tell(path, "DELETED", s.stamp(path, o))
}

func (s *source) stamp(_ string, o object) []byte {
	s.version++
	o.SetResourceVersion(strconv.Itoa(s.version))
	data, _ := json.Marshal(o) // these types can always be written
	return data
}

func (s *source) tell(path, verb string, data []byte) {
	s.log[path] = append(s.log[path], logged{s.version, event(verb, data)})
	close(s.changed)
	s.changed = make(chan struct{})
}

func event(verb string, data []byte) []byte {
	return fmt.Appendf(nil, `{"type":%q,"object":%s}`+"\n", verb, data)
}

func (s *source) list(w http.ResponseWriter, path string, list metav1.TypeMeta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]json.RawMessage, 0, len(s.objects[path]))
	for _, o := range s.objects[path] {
		items = append(items, o)
	}
	answer(w, map[string]any{
		"kind": list.Kind, "apiVersion": list.APIVersion, "items": items,
		"metadata": metav1.ListMeta{ResourceVersion: strconv.Itoa(s.version)},
	})
}

// watch streams what happens after the version that is asked for, with all that there is
// before it if that is wanted.
func (s *source) watch(w http.ResponseWriter, r *http.Request, path string, list metav1.TypeMeta) {
	w.Header().Set("Content-Type", "application/json")
	flusher := http.NewResponseController(w)
	after, _ := strconv.Atoi(r.FormValue("resourceVersion"))
	var first [][]byte
	s.mu.Lock()
	if r.FormValue("sendInitialEvents") == "true" {
		for _, o := range s.objects[path] {
			first = append(first, event("ADDED", o))
		}
		first = append(first, bookmark(list, s.version))
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
func bookmark(list metav1.TypeMeta, version int) []byte {
	kind := list.Kind[:len(list.Kind)-len("List")]
	data, _ := json.Marshal(map[string]any{
		"kind": kind, "apiVersion": list.APIVersion,
		"metadata": map[string]any{
			"resourceVersion": strconv.Itoa(version), "annotations": map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		},
	})
	return event("BOOKMARK", data)
}
