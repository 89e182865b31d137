// Package unixsocket has what both ends of this program's own sockets need: a listener that
// only its user can reach, an HTTP client, and answers that go on.
package unixsocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
)

// Listen listens at path, in the place of what an earlier run left there. Only the user
// whose process this is can connect.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect socket: %w", err), listener.Close())
	}
	return listener, nil
}

// Dialer connects to a socket.
type Dialer func(ctx context.Context) (net.Conn, error)

// At connects to what listens at path, wherever links lead from there.
func At(path string) Dialer {
	return func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", path) }
}

// Client returns an HTTP client of a socket, whatever host a request names; nothing is dialed
// yet, and no connection is kept.
func Client(dial Dialer) *http.Client {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	return &http.Client{Transport: &http.Transport{DialContext: connect, DisableKeepAlives: true}}
}

// Stream writes an answer that goes on, one JSON value a line.
type Stream struct {
	encoder    *json.Encoder
	controller *http.ResponseController
}

// NewStream begins an answer that goes on; nothing is written yet.
func NewStream(w http.ResponseWriter) Stream {
	return Stream{json.NewEncoder(w), http.NewResponseController(w)}
}

// Write writes a value, which may wait for others.
func (s Stream) Write(value any) error { return s.encoder.Encode(value) }

// Flush has the other side get what was written, or at first that there is an answer.
func (s Stream) Flush() error { return s.controller.Flush() }

// Send writes a value that the other side gets at once.
func (s Stream) Send(value any) error {
	if err := s.Write(value); err != nil {
		return err
	}
	return s.Flush()
}

// Each calls f with each JSON value of an answer that goes on, until it or ctx ends, or f
// returns an error. What it calls the values is in its errors.
func Each[T any](ctx context.Context, answer io.Reader, what string, f func(T) error) error {
	decoder := json.NewDecoder(answer)
	for {
		var value T
		if err := decoder.Decode(&value); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("read %s: %w", what, err)
		}
		if err := f(value); err != nil {
			return err
		}
	}
}
