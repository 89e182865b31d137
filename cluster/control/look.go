package control

import (
	"context"
	"net/http"
	"net/url"

	"kubarium/cluster/process"
	"kubarium/cluster/stored"
)

// Looker looks at what the API does not tell.
type Looker interface {
	// EtcdValue returns what etcd has under a key at a revision; 0 is now.
	EtcdValue(ctx context.Context, key string, revision int64) (stored.Entry, error)
	// Processes lists what runs in containers, by their IDs.
	Processes(ctx context.Context, ids []string) (map[string][]process.Process, error)
}

// EtcdValue returns what etcd has under a key, byte by byte.
func (c *Client) EtcdValue(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	return value, c.call(ctx, http.MethodGet, "/v1/etcd?key="+url.QueryEscape(key), nil, &value)
}

// Processes lists what runs in containers, by their IDs.
func (c *Client) Processes(ctx context.Context, ids []string) (map[string][]process.Process, error) {
	var found map[string][]process.Process
	query := url.Values{"id": ids}
	return found, c.call(ctx, http.MethodGet, "/v1/processes?"+query.Encode(), nil, &found)
}

func handleLooks(mux *http.ServeMux, looker Looker) {
	mux.HandleFunc("GET /v1/etcd", func(w http.ResponseWriter, r *http.Request) {
		entry, err := looker.EtcdValue(r.Context(), r.FormValue("key"), 0)
		answer(w, entry.Value, err)
	})
	mux.HandleFunc("GET /v1/processes", func(w http.ResponseWriter, r *http.Request) {
		found, err := looker.Processes(r.Context(), r.URL.Query()["id"])
		answer(w, found, err)
	})
}
