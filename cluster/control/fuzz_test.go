package control

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/trace"
)

// FuzzRequests looks for requests that crash the handlers, or are answered with something
// that is neither done nor refused; and for others than that for it that end the cluster.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ method, path, query, body string }{
		{"POST", "/v1/faults", "", `{"name":"pod-kill","target":"default/web"}`},
		{"POST", "/v1/faults", "", `{"for":1e30}`},
		{"DELETE", "/v1/faults", "name=a&target=b", ""},
		{"POST", "/v1/holds", "", `{"name":"create","rate":0.5}`},
		{"POST", "/v1/holds", "", `{"name":null}`},
		{"POST", "/v1/holds/step", "rule=create&n=-9999999999999999999", ""},
		{"DELETE", "/v1/holds", "rule=%zz", ""},
		{"GET", "/v1/holds", "", "{"},
		{"GET", "/v1/info", "", ""},
		{"GET", "/v1/watch", "", ""},
		{"GET", "/v1/trace", "after=18446744073709551616", ""},
		{"GET", "/v1/trace", "after=3&follow=true", ""},
		{"POST", "/v1/nodes", "", ""},
		{"DELETE", "/v1/nodes/..%2f..", "", ""},
		{"POST", "/v1/nodes/node-1/kill", "", ""},
		{"POST", "/v1/components/etcd/stop", "", ""},
		{"POST", "/v1/images", "", "no archive"},
		{"POST", "/v1/encryption/start", "", ""},
		{"POST", "/v1/hosts", "namespace=/proc/1/ns/net", ""},
		{"POST", "/v1/snapshots/../restore", "", ""},
		{"GET", "/v1/difference", "from=0&to=-1", ""},
		{"GET", "/v1/inspect/node", "name=node-1&watch=true", ""},
		{"POST", "/v1/inspect/path", "from=pod/a&to=svc/b:0", ""},
		{"GET", "/v1/pending", "", ""},
		{"GET", "/v1/profiles/goroutine", "debug=1", ""},
		{"GET", "/v1/profiles/none", "", ""},
		{"GET", "/v1/etcd", "key=/registry", ""},
		{"GET", "/v1/processes", "id=&id=a", ""},
		{"POST", "/v1/shutdown", "", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		// A closed one refuses what it understood: there is no machine to break.
		cluster := &refusing{faults: fault.NewManager(nil), holds: hold.NewManager(), trace: trace.NewStore()}
		if err := cluster.faults.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		// Who follows something waits for its end.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		request := (&http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: "kubarium", Header: http.Header{},
			Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		}).WithContext(ctx)
		recorder := httptest.NewRecorder()
		handler(cluster).ServeHTTP(recorder, request)
		switch recorder.Code {
		case http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusMovedPermanently,
			http.StatusTemporaryRedirect, http.StatusBadRequest:
		case http.StatusUnprocessableEntity:
			var told failure
			if err := json.Unmarshal(recorder.Body.Bytes(), &told); err != nil || told.Error == "" {
				t.Errorf("%s %s?%s is refused without a word: %s", method, path, query, recorder.Body)
			}
		default:
			t.Errorf("%s %s?%s answers %d", method, path, query, recorder.Code)
		}
		if cluster.ended && (method != http.MethodPost || !strings.HasSuffix(path, "/v1/shutdown")) {
			t.Errorf("%s %s?%s ends the cluster", method, path, query)
		}
	})
}
