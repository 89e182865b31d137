package control

import (
	"context"
	"net/http"

	"kubarium/cluster/trace"
)

// Queues is what waits in the control plane.
type Queues interface {
	// Pending are the pods that the scheduler has yet to place.
	Pending() ([]trace.PendingPod, error)
	// WorkQueues are those of the controllers.
	WorkQueues() ([]trace.WorkQueue, error)
}

// Pending tells which pods the scheduler has yet to place.
func (c *Client) Pending(ctx context.Context) ([]trace.PendingPod, error) {
	var list []trace.PendingPod
	return list, c.call(ctx, http.MethodGet, "/v1/pending", nil, &list)
}

// WorkQueues tells what waits in the controllers' queues.
func (c *Client) WorkQueues(ctx context.Context) ([]trace.WorkQueue, error) {
	var list []trace.WorkQueue
	return list, c.call(ctx, http.MethodGet, "/v1/workqueues", nil, &list)
}

func handleQueues(mux *http.ServeMux, queues Queues) {
	mux.HandleFunc("GET /v1/pending", func(w http.ResponseWriter, _ *http.Request) {
		list, err := queues.Pending()
		answer(w, list, err)
	})
	mux.HandleFunc("GET /v1/workqueues", func(w http.ResponseWriter, _ *http.Request) {
		list, err := queues.WorkQueues()
		answer(w, list, err)
	})
}
