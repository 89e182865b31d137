package control

import (
	"context"
	"net/http"
	"net/url"

	"kubarium/cluster/process"
)

// Looker looks at what the API does not tell.
type Looker interface {
	// EtcdValue returns what etcd has under a key, byte by byte; found is false if it has none.
	EtcdValue(ctx context.Context, key string) (value []byte, found bool, err error)
	// Processes lists what runs in containers, by their IDs.
	Processes(ctx context.Context, ids []string) (map[string][]process.Process, error)
}

// pair is what etcd has under a key.
type pair struct {
	Value []byte `json:"value"`
	Found bool   `json:"found"`
}

// EtcdValue returns what etcd has under a key, byte by byte.
func (c *Client) EtcdValue(ctx context.Context, key string) (value []byte, found bool, err error) {
	var p pair
	err = c.call(ctx, http.MethodGet, "/v1/etcd?key="+url.QueryEscape(key), nil, &p)
	return p.Value, p.Found, err
}

// Processes lists what runs in containers, by their IDs.
func (c *Client) Processes(ctx context.Context, ids []string) (map[string][]process.Process, error) {
	var found map[string][]process.Process
	query := url.Values{"id": ids}
	return found, c.call(ctx, http.MethodGet, "/v1/processes?"+query.Encode(), nil, &found)
}

func handleLooks(mux *http.ServeMux, looker Looker) {
	mux.HandleFunc("GET /v1/etcd", func(w http.ResponseWriter, r *http.Request) {
		value, found, err := looker.EtcdValue(r.Context(), r.FormValue("key"))
		answer(w, pair{value, found}, err)
	})
	mux.HandleFunc("GET /v1/processes", func(w http.ResponseWriter, r *http.Request) {
		found, err := looker.Processes(r.Context(), r.URL.Query()["id"])
		answer(w, found, err)
	})
}
