package unixsocket

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSocket replaces a socket that was left, and is asked over the new one.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	for range 2 { // the second finds the first's file
		listener, err := Listen(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v", info.Mode(), err)
		}
		read := make(chan struct{})
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stream := NewStream(w)
			if err := errors.Join(stream.Write(1), stream.Send(2)); err != nil {
				t.Error(err)
			}
			<-read // what was sent has come, though the answer goes on
			if err := stream.Write(3); err != nil {
				t.Error(err)
			}
		})}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		response, err := Client(At(path)).Get("http://anything/")
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		if err := Each(t.Context(), response.Body, "number", func(n int) error {
			if sum += n; n == 2 {
				close(read)
			}
			return nil
		}); err != nil || sum != 6 {
			t.Errorf("%d, %v", sum, err)
		}
		response.Body.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
		// As a process that was killed leaves it.
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEach(t *testing.T) {
	full := errors.New("full")
	if err := Each(t.Context(), strings.NewReader("1 2"), "number", func(int) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if err := Each(t.Context(), strings.NewReader("1 x"), "number", func(int) error { return nil }); err == nil || !strings.HasPrefix(err.Error(), "read number: ") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ended, strings.NewReader("1 x"), "number", func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
