// Package control lets another process of the same machine see and command a
// running cluster: HTTP over a unix socket that only root can open.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/trace"
	"kubarium/cluster/unixsocket"
)

// Info is what a running cluster tells of itself.
type Info struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// PID of the process that runs the cluster.
	PID        int              `json:"pid"`
	Kubeconfig string           `json:"kubeconfig"`
	Server     string           `json:"server"`
	Started    time.Time        `json:"started"`
	Components []component.Info `json:"components"`
}

// Image is one image of the cluster's registry.
type Image struct {
	Name    string `json:"name"`
	Digest  string `json:"digest"`
	Size    int64  `json:"size"`
	Bundled bool   `json:"bundled"`
}

// Encryption is how Secrets are kept in etcd.
type Encryption struct {
	Encrypted bool `json:"encrypted"`
	// Changed is whether that changed, and Rewritten how many were written anew.
	Changed   bool `json:"changed"`
	Rewritten int  `json:"rewritten"`
}

// Cluster is what can be commanded.
type Cluster interface {
	Info() Info
	Watch(ctx context.Context) <-chan component.Info
	AddNode(ctx context.Context, disk int64) (string, error)
	StartNode(ctx context.Context, name string) error
	StopNode(ctx context.Context, name string) error
	KillNode(ctx context.Context, name string) error
	RemoveNode(ctx context.Context, name string) error
	StartComponent(ctx context.Context, name string) error
	StopComponent(ctx context.Context, name string) error
	EncryptSecrets(ctx context.Context, on bool) (Encryption, error)
	ListImages() ([]Image, error)
	LoadImages(ctx context.Context, archive io.Reader) ([]string, error)
	// AttachHost plugs a network namespace, by the path of its file, into the cluster's
	// network until detach is called.
	AttachHost(namespace string) (host Host, detach func() error, err error)
	Rewinder
	Inspector
	Queues
	Looker
	// Freeze stops all nodes where they are, Thaw lets them go on.
	Freeze(ctx context.Context) error
	Thaw(ctx context.Context) error
	// Trace is what the taps saw.
	Trace() *trace.Store
	// Faults is what is broken on purpose.
	Faults() *fault.Manager
	// Holds is which requests wait.
	Holds() *hold.Manager
	// Shutdown asks the process to end the cluster, and returns at once.
	Shutdown()
}

// Server answers on the control socket.
type Server struct {
	http *http.Server
	done chan struct{}
}

// Serve listens on the unix socket at path until Close.
func Serve(path string, cluster Cluster) (*Server, error) {
	// The cluster's lock is held: a socket that lies there is a dead one.
	listener, err := unixsocket.Listen(context.Background(), path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	s := &Server{http: &http.Server{Handler: handler(cluster), ReadHeaderTimeout: 10 * time.Second}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		// It returns when Close was called.
		_ = s.http.Serve(listener)
	}()
	return s, nil
}

// Close ends the server and its connections.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

func handler(cluster Cluster) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/info", func(w http.ResponseWriter, _ *http.Request) { answer(w, cluster.Info(), nil) })
	mux.HandleFunc("GET /v1/watch", func(w http.ResponseWriter, r *http.Request) { watch(w, r, cluster) })
	mux.HandleFunc("GET /v1/trace", func(w http.ResponseWriter, r *http.Request) { streamTrace(w, r, cluster.Trace()) })
	mux.HandleFunc("POST /v1/nodes", func(w http.ResponseWriter, r *http.Request) {
		// Without the number, or with one that is none, it is a directory.
		disk, _ := strconv.ParseInt(r.URL.Query().Get("disk"), 10, 64)
		name, err := cluster.AddNode(detached(r), disk)
		answer(w, name, err)
	})
	mux.HandleFunc("DELETE /v1/nodes/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, cluster.RemoveNode(detached(r), r.PathValue("name")))
	})
	verbs(mux, "nodes", map[string]verb{"start": cluster.StartNode, "stop": cluster.StopNode, "kill": cluster.KillNode})
	verbs(mux, "components", map[string]verb{"start": cluster.StartComponent, "stop": cluster.StopComponent})
	mux.HandleFunc("POST /v1/freeze", func(w http.ResponseWriter, r *http.Request) { answer(w, nil, cluster.Freeze(detached(r))) })
	mux.HandleFunc("POST /v1/thaw", func(w http.ResponseWriter, r *http.Request) { answer(w, nil, cluster.Thaw(detached(r))) })
	mux.HandleFunc("GET /v1/images", func(w http.ResponseWriter, _ *http.Request) {
		list, err := cluster.ListImages()
		answer(w, list, err)
	})
	mux.HandleFunc("POST /v1/images", func(w http.ResponseWriter, r *http.Request) {
		names, err := cluster.LoadImages(r.Context(), r.Body)
		answer(w, names, err)
	})
	for action, on := range map[string]bool{"start": true, "stop": false} {
		mux.HandleFunc("POST /v1/encryption/"+action, func(w http.ResponseWriter, r *http.Request) {
			result, err := cluster.EncryptSecrets(detached(r), on)
			answer(w, result, err)
		})
	}
	mux.HandleFunc("POST /v1/hosts", func(w http.ResponseWriter, r *http.Request) { holdHost(w, r, cluster) })
	handleFaults(mux, cluster.Faults())
	handleRewind(mux, cluster)
	handleHolds(mux, cluster.Holds())
	handleInspect(mux, cluster)
	handleQueues(mux, cluster)
	handleProcess(mux)
	handleLooks(mux, cluster)
	mux.HandleFunc("POST /v1/shutdown", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil, nil)
		cluster.Shutdown()
	})
	return mux
}

type verb func(ctx context.Context, name string) error

func verbs(mux *http.ServeMux, kind string, actions map[string]verb) {
	for action, do := range actions {
		mux.HandleFunc("POST /v1/"+kind+"/{name}/"+action, func(w http.ResponseWriter, r *http.Request) {
			answer(w, nil, do(detached(r), r.PathValue("name")))
		})
	}
}

// detached lets an action go on when the one who asked for it is gone: half a node
// is worse than one too many.
func detached(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }

// failure is the body of an answer other than 200.
type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		value = failure{Error: err.Error()}
	}
	// The other side may be gone; then nobody misses the answer.
	_ = json.NewEncoder(w).Encode(value)
}

// watch streams changes, one JSON value a line, until the other side goes.
func watch(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	w.Header().Set("Content-Type", "application/json")
	stream := unixsocket.NewStream(w)
	for info := range cluster.Watch(r.Context()) {
		if stream.Send(info) != nil {
			return
		}
	}
}
