package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func environment(version string) func(string) string {
	return func(name string) string {
		return map[string]string{"POD_NAME": "web-1", "NODE_NAME": "node-2", "VERSION": version}[name]
	}
}

func ask(t *testing.T, handler http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestTheWebServerSaysWhoAnswers(t *testing.T) {
	handler := newServer(environment("2.0")).handler()
	text := ask(t, handler, "GET", "/", "").Body.String()
	if want := "Hello from pod web-1, version 2.0, on node-2. You are 192.0.2.1.\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
	var got answer
	if err := json.Unmarshal(ask(t, handler, "GET", "/shop", "application/json").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := (answer{Pod: "web-1", Node: "node-2", Version: "2.0", Client: "192.0.2.1", Path: "/shop"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestProbesFailOnRequest(t *testing.T) {
	handler := newServer(environment("1.0")).handler()
	for _, step := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/readyz", 200},
		{"GET", "/fail", 200}, // only a POST counts: a crawler's GET is a greeting
		{"GET", "/readyz", 200},
		{"POST", "/fail", 200},
		{"GET", "/readyz", 503},
		{"GET", "/healthz", 503},
		{"GET", "/", 200},
		{"POST", "/heal", 200},
		{"GET", "/readyz", 200},
		{"GET", "/healthz", 200},
	} {
		if got := ask(t, handler, step.method, step.path, "").Code; got != step.want {
			t.Fatalf("%s %s: %d, want %d", step.method, step.path, got, step.want)
		}
	}
}

// A rolling update loses no request that a pod has begun to answer.
func TestARequestUnderWayIsAnsweredBeforeTheEnd(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		fmt.Fprint(w, "done")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(ctx, listener, handler) }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-begun
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("the server ended, %v, with a request under way", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the answer was %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

func TestTheLoadGeneratorCountsAnswers(t *testing.T) {
	var requests atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n := requests.Add(1); n%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else if n > 9 {
			cancel()
		}
	}))
	defer target.Close()
	l := load{url: target.URL, rate: 1000, workers: 1}
	if err := l.run(ctx); err != nil {
		t.Fatal(err)
	}
	// The last ones may be cut off by the end.
	if good, bad := l.good.Load(), l.bad.Load(); good < 5 || bad != 5 {
		t.Errorf("%d answered and %d failed of %d", good, bad, requests.Load())
	}
}

func TestSenselessFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"dance"},
		{"load"},
		{"load", "--url", "http://127.0.0.1:1", "--rps", "0"},
		{"load", "--url", "http://127.0.0.1:1", "--rps", "2000000000"},
		{"eat-memory", "--rate", "0"},
		{"nslookup"},
		{"serve", "--listen", "nowhere"},
	} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("toolbox %s was accepted", strings.Join(args, " "))
		}
	}
}

func TestCrashEndsWellWhenToldToStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"crash", "--after", "1h"}, {"sleep"}, {"eat-cpu"}, {"eat-memory", "--mib", "1"}} {
		if err := run(ctx, args); err != nil {
			t.Errorf("toolbox %s: %v", strings.Join(args, " "), err)
		}
	}
}

func TestWgetFetchesAllItsPages(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "%s%s ", r.Host, r.URL.Path)
	}))
	defer server.Close()
	t.Chdir(t.TempDir())
	err := wget(t.Context(), []string{"-qO", "pages", "-T", "5", "--header", "Host: shop", server.URL + "/a", server.URL + "/none", server.URL + "/b"})
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page is missing: %v", err)
	}
	if err := wget(t.Context(), []string{"-q", server.URL + "/c"}); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"pages": "shop/a shop/b ", "c": strings.TrimPrefix(server.URL, "http://") + "/c "} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, not %q: %v", name, got, want, err)
		}
	}
}
