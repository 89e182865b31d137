package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"kubarium/cluster/inspect"
)

// Inspector sees what is inside of nodes.
type Inspector interface {
	InspectNode(ctx context.Context, name string) (inspect.Node, error)
	InspectContainer(ctx context.Context, namespace, pod, container string) (inspect.Container, error)
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
	decoder := json.NewDecoder(response.Body)
	for {
		var value T
		if err := decoder.Decode(&value); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("read answer of the cluster: %w", err)
		}
		if err := f(value); err != nil {
			return err
		}
	}
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
}

// inspected answers with what look finds; with watch, again and again: follow tells when
// something changed on the node that look names. Changes during a look are one.
func inspected(w http.ResponseWriter, r *http.Request, look func(context.Context) (value any, node string, err error), follow func(ctx context.Context, node string, f func()) error) {
	value, node, err := look(r.Context())
	answer(w, value, err)
	if err != nil || r.FormValue("watch") != "true" {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	changed, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		// Its end is the end of the stream, whatever the reason.
		_ = follow(ctx, node, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	flusher, encoder := http.NewResponseController(w), json.NewEncoder(w)
	for flusher.Flush() == nil {
		select {
		case <-changed:
		case <-ended:
			return
		}
		value, _, err := look(ctx)
		if err != nil || encoder.Encode(value) != nil {
			break
		}
	}
	cancel()
	<-ended
}
