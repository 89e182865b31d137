package control

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
)

// FuzzRequests looks for requests that crash the handlers, or are answered with something
// that is neither done nor refused.
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
	} {
		f.Add(seed.method, seed.path, seed.query, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		mux := http.NewServeMux()
		// A closed one refuses what it understood: there is no machine to break.
		faults := fault.NewManager(nil)
		if err := faults.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		handleFaults(mux, faults)
		handleHolds(mux, hold.NewManager())
		request := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: "kubarium", Header: http.Header{},
			Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		}
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, request)
		switch recorder.Code {
		case http.StatusOK, http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusBadRequest:
		default:
			t.Errorf("%s %s?%s answers %d", method, path, query, recorder.Code)
		}
	})
}
