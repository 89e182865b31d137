package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// answer says who answered.
type answer struct {
	Pod     string `json:"pod"`
	Node    string `json:"node,omitempty"`
	Version string `json:"version"`
	Client  string `json:"client"`
	Path    string `json:"path"`
}

type server struct {
	pod, node, version string
	failing            atomic.Bool
}

// newServer takes what it says of itself from the environment of its pod.
func newServer(getenv func(string) string) *server {
	s := &server{pod: getenv("POD_NAME"), node: getenv("NODE_NAME"), version: getenv("VERSION")}
	if s.pod == "" {
		s.pod, _ = os.Hostname()
	}
	if s.version == "" {
		s.version = "1.0"
	}
	return s
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.hello)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.health)
	mux.HandleFunc("GET /headers", headers)
	mux.HandleFunc("POST /fail", func(w http.ResponseWriter, _ *http.Request) { s.setFailing(w, true) })
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, _ *http.Request) { s.setFailing(w, false) })
	return logged(mux)
}

func serve(ctx context.Context, address string) error {
	s := newServer(os.Getenv)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("web %s listens on %s\n", s.version, listener.Addr())
	return serveUntil(ctx, listener, s.handler())
}

// serveUntil answers requests until ctx ends, and those that are under way then.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	httpServer := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		fmt.Println("told to stop: finishing what is under way")
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drained <- httpServer.Shutdown(ending)
	})
	err := httpServer.Serve(listener)
	if stop() {
		return err
	}
	// Serve returns as soon as the end begins.
	return <-drained
}

func (s *server) hello(w http.ResponseWriter, r *http.Request) {
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	a := answer{Pod: s.pod, Node: s.node, Version: s.version, Client: client, Path: r.URL.Path}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a)
		return
	}
	fmt.Fprintf(w, "Hello from pod %s, version %s", a.Pod, a.Version)
	if a.Node != "" {
		fmt.Fprintf(w, ", on %s", a.Node)
	}
	fmt.Fprintf(w, ". You are %s.\n", a.Client)
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if s.failing.Load() {
		http.Error(w, "failing, as asked", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *server) setFailing(w http.ResponseWriter, failing bool) {
	s.failing.Store(failing)
	fmt.Fprintf(w, "failing: %t\n", failing)
}

func headers(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Host: %s\n", r.Host)
	_ = r.Header.Write(w)
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		fmt.Printf("%s %s %s from %s\n", time.Now().UTC().Format(time.RFC3339), r.Method, r.URL.Path, r.RemoteAddr)
	})
}
