package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"kubarium/cluster/inspect"
	"kubarium/cluster/unixsocket"
)

// Inspector sees what is inside of nodes.
type Inspector interface {
	InspectNode(ctx context.Context, name string) (inspect.Node, error)
	InspectContainer(ctx context.Context, namespace, pod, container string) (inspect.Container, error)
	// InspectService reads the packet rules of a Service on a node; "" is one of them.
	InspectService(ctx context.Context, namespace, name, node string) (inspect.Service, error)
	// WatchService calls show with them, counted, and again at each change, until ctx ends.
	WatchService(ctx context.Context, namespace, name, node string, show func(inspect.Service) error) error
	// InspectPath sends a packet from a pod, and tells its way.
	InspectPath(ctx context.Context, namespace, from, to string) (inspect.Path, error)
	// FollowPackets calls f when rules change on a node, or connections begin or end.
	FollowPackets(ctx context.Context, node string, f func()) error
	// FollowRuntime calls f at each change in a node's containerd, until ctx ends.
	FollowRuntime(ctx context.Context, node string, f func()) error
}

// InspectNode asks what a node's containerd has. With watch, f is called again at each
// change, until ctx or the cluster ends.
func (c *Client) InspectNode(ctx context.Context, name string, watch bool, f func(inspect.Node) error) error {
	return inspectStream(ctx, c, "node", url.Values{"name": {name}}, watch, f)
}

// InspectContainer asks for a container of a pod, from all sides; "" is the first one.
func (c *Client) InspectContainer(ctx context.Context, namespace, pod, container string, watch bool, f func(inspect.Container) error) error {
	return inspectStream(ctx, c, "container", url.Values{"namespace": {namespace}, "pod": {pod}, "container": {container}}, watch, f)
}

// InspectService asks for the packet rules of a Service on a node; "" is one of them.
func (c *Client) InspectService(ctx context.Context, namespace, name, node string, watch bool, f func(inspect.Service) error) error {
	return inspectStream(ctx, c, "service", url.Values{"namespace": {namespace}, "name": {name}, "node": {node}}, watch, f)
}

// InspectPath has a packet sent from a pod, and asks for its way.
func (c *Client) InspectPath(ctx context.Context, namespace, from, to string) (inspect.Path, error) {
	var found inspect.Path
	query := url.Values{"namespace": {namespace}, "from": {from}, "to": {to}}
	return found, c.call(ctx, http.MethodPost, "/v1/inspect/path?"+query.Encode(), nil, &found)
}

func inspectStream[T any](ctx context.Context, c *Client, kind string, query url.Values, watch bool, f func(T) error) error {
	query.Set("watch", fmt.Sprint(watch))
	response, err := c.do(ctx, http.MethodGet, "/v1/inspect/"+kind+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	return unixsocket.Each(ctx, response.Body, "answer of the cluster", f)
}

func handleInspect(mux *http.ServeMux, cluster Inspector) {
	mux.HandleFunc("GET /v1/inspect/node", func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("name")
		inspected(w, r, func(ctx context.Context) (any, string, error) {
			n, err := cluster.InspectNode(ctx, name)
			return n, name, err
		}, cluster.FollowRuntime)
	})
	mux.HandleFunc("GET /v1/inspect/container", func(w http.ResponseWriter, r *http.Request) {
		inspected(w, r, func(ctx context.Context) (any, string, error) {
			c, err := cluster.InspectContainer(ctx, r.FormValue("namespace"), r.FormValue("pod"), r.FormValue("container"))
			return c, c.Node, err
		}, cluster.FollowRuntime)
	})
	mux.HandleFunc("POST /v1/inspect/path", func(w http.ResponseWriter, r *http.Request) {
		found, err := cluster.InspectPath(r.Context(), r.FormValue("namespace"), r.FormValue("from"), r.FormValue("to"))
		answer(w, found, err)
	})
	mux.HandleFunc("GET /v1/inspect/service", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("watch") == "true" {
			watchService(w, r, cluster)
			return
		}
		inspected(w, r, func(ctx context.Context) (any, string, error) {
			s, err := cluster.InspectService(ctx, r.FormValue("namespace"), r.FormValue("name"), r.FormValue("node"))
			return s, s.Node, err
		}, cluster.FollowPackets)
	})
}

// watchService answers with what is found, again and again.
func watchService(w http.ResponseWriter, r *http.Request, cluster Inspector) {
	first := true
	stream := unixsocket.NewStream(w)
	err := cluster.WatchService(r.Context(), r.FormValue("namespace"), r.FormValue("name"), r.FormValue("node"), func(s inspect.Service) error {
		if first {
			w.Header().Set("Content-Type", "application/json")
			first = false
		}
		return stream.Send(s)
	})
	if first {
		// Later, its end is the end of the stream, whatever the reason.
		answer(w, nil, err)
	}
}

// inspected answers with what look finds; with watch, again and again: follow tells when
// something changed on the node that look names.
func inspected(w http.ResponseWriter, r *http.Request, look func(context.Context) (value any, node string, err error), follow func(ctx context.Context, node string, f func()) error) {
	value, node, err := look(r.Context())
	answer(w, value, err)
	if err != nil || r.FormValue("watch") != "true" {
		return
	}
	stream := unixsocket.NewStream(w)
	first := true
	// Its end is the end of the stream, whatever the reason.
	_ = inspect.Watch(r.Context(), func(ctx context.Context) error {
		if first {
			first = false
			return stream.Flush()
		}
		value, _, err := look(ctx)
		if err != nil {
			return err
		}
		return stream.Send(value)
	}, func(ctx context.Context, changed func()) error { return follow(ctx, node, changed) })
}
