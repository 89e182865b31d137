package control

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"kubarium/cluster/rewind"
)

// Rewound is what was done to bring a cluster back.
type Rewound struct {
	// To is the revision whose state it has again, Revision the one that this made: 0 if
	// nothing differed.
	To       int64 `json:"to"`
	Revision int64 `json:"revision"`
	Written  int   `json:"written"`
	Deleted  int   `json:"deleted"`
	// Took is how long, in nanoseconds.
	Took time.Duration `json:"took"`
	// Change is what was undone.
	Change *rewind.Change `json:"change,omitempty"`
}

// Rewinder brings a cluster back to a state that it had.
type Rewinder interface {
	SaveSnapshot(ctx context.Context, name string) (rewind.Snapshot, error)
	ListSnapshots() ([]rewind.Snapshot, error)
	RestoreSnapshot(ctx context.Context, name, namespace string) (Rewound, error)
	RemoveSnapshot(name string) error
	CompareStates(ctx context.Context, from, to string) ([]rewind.Difference, error)
	Changes() []rewind.Change
	Undo(ctx context.Context) (Rewound, error)
	Redo(ctx context.Context) (Rewound, error)
	// Mark keeps the state of now, until the cluster stops or more than a few others are
	// kept, and ReturnTo brings one namespace back to it, or with "" all of the cluster.
	Mark(ctx context.Context, name string) error
	ReturnTo(ctx context.Context, name, namespace string) (Rewound, error)
}

// SaveSnapshot saves the cluster's state; without a name it gets one of the time.
func (c *Client) SaveSnapshot(ctx context.Context, name string) (rewind.Snapshot, error) {
	var s rewind.Snapshot
	return s, c.call(ctx, http.MethodPost, "/v1/snapshots?name="+url.QueryEscape(name), nil, &s)
}

// Snapshots lists what was saved, oldest first.
func (c *Client) Snapshots(ctx context.Context) ([]rewind.Snapshot, error) {
	var list []rewind.Snapshot
	return list, c.call(ctx, http.MethodGet, "/v1/snapshots", nil, &list)
}

// RestoreSnapshot brings the cluster back to what was saved, or only one namespace; "" is all.
func (c *Client) RestoreSnapshot(ctx context.Context, name, namespace string) (Rewound, error) {
	var r Rewound
	return r, c.call(ctx, http.MethodPost, "/v1/snapshots/"+url.PathEscape(name)+"/restore?namespace="+url.QueryEscape(namespace), nil, &r)
}

// RemoveSnapshot deletes a snapshot.
func (c *Client) RemoveSnapshot(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/snapshots/"+url.PathEscape(name), nil, nil)
}

// CompareStates tells what changed between two points: snapshots, revisions or rewind.Now.
func (c *Client) CompareStates(ctx context.Context, from, to string) ([]rewind.Difference, error) {
	var list []rewind.Difference
	return list, c.call(ctx, http.MethodGet, "/v1/difference?from="+url.QueryEscape(from)+"&to="+url.QueryEscape(to), nil, &list)
}

// Changes lists what the user did, oldest first.
func (c *Client) Changes(ctx context.Context) ([]rewind.Change, error) {
	var list []rewind.Change
	return list, c.call(ctx, http.MethodGet, "/v1/changes", nil, &list)
}

// Undo takes the user's last change back.
func (c *Client) Undo(ctx context.Context) (Rewound, error) {
	var r Rewound
	return r, c.call(ctx, http.MethodPost, "/v1/undo", nil, &r)
}

// Redo takes the last Undo back.
func (c *Client) Redo(ctx context.Context) (Rewound, error) {
	var r Rewound
	return r, c.call(ctx, http.MethodPost, "/v1/redo", nil, &r)
}

// Mark has the cluster keep its state of now under a name.
func (c *Client) Mark(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, "/v1/marks?name="+url.QueryEscape(name), nil, nil)
}

// ReturnTo brings a namespace, or with "" all of the cluster, back to a state that it was told
// to keep.
func (c *Client) ReturnTo(ctx context.Context, name, namespace string) (Rewound, error) {
	var r Rewound
	query := url.Values{"name": {name}, "namespace": {namespace}}
	return r, c.call(ctx, http.MethodPost, "/v1/marks/return?"+query.Encode(), nil, &r)
}

func handleRewind(mux *http.ServeMux, cluster Rewinder) {
	mux.HandleFunc("GET /v1/snapshots", func(w http.ResponseWriter, _ *http.Request) {
		list, err := cluster.ListSnapshots()
		answer(w, list, err)
	})
	mux.HandleFunc("POST /v1/snapshots", func(w http.ResponseWriter, r *http.Request) {
		s, err := cluster.SaveSnapshot(r.Context(), r.FormValue("name"))
		answer(w, s, err)
	})
	mux.HandleFunc("POST /v1/snapshots/{name}/restore", func(w http.ResponseWriter, r *http.Request) {
		result, err := cluster.RestoreSnapshot(detached(r), r.PathValue("name"), r.FormValue("namespace"))
		answer(w, result, err)
	})
	mux.HandleFunc("DELETE /v1/snapshots/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, cluster.RemoveSnapshot(r.PathValue("name")))
	})
	mux.HandleFunc("POST /v1/marks", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, cluster.Mark(r.Context(), r.FormValue("name")))
	})
	mux.HandleFunc("POST /v1/marks/return", func(w http.ResponseWriter, r *http.Request) {
		result, err := cluster.ReturnTo(detached(r), r.FormValue("name"), r.FormValue("namespace"))
		answer(w, result, err)
	})
	mux.HandleFunc("GET /v1/difference", func(w http.ResponseWriter, r *http.Request) {
		list, err := cluster.CompareStates(r.Context(), r.FormValue("from"), r.FormValue("to"))
		answer(w, list, err)
	})
	mux.HandleFunc("GET /v1/changes", func(w http.ResponseWriter, _ *http.Request) { answer(w, cluster.Changes(), nil) })
	for path, do := range map[string]func(context.Context) (Rewound, error){"undo": cluster.Undo, "redo": cluster.Redo} {
		mux.HandleFunc("POST /v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			result, err := do(detached(r))
			answer(w, result, err)
		})
	}
}
