package tap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"kubarium/cluster/trace"
	"kubarium/cluster/unixsocket"
)

// line is one line of the stream: an event, and how many before it are lost.
type line struct {
	Event trace.Event `json:"event"`
	Lost  uint64      `json:"lost,omitempty"`
}

// Serve answers on a unix socket until ctx ends: /trace streams events, /calls counts.
func (t *Tap) Serve(ctx context.Context, path string) error {
	listener, err := unixsocket.Listen(ctx, path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /trace", t.stream)
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) {
		// The other side may be gone; then nobody misses the answer.
		_ = json.NewEncoder(w).Encode(t.Counts())
	})
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (t *Tap) stream(w http.ResponseWriter, r *http.Request) {
	stream := unixsocket.NewStream(w)
	if stream.Flush() != nil {
		return
	}
	_ = t.store.Follow(r.Context(), 0, func(e trace.Event, lost uint64) error { return stream.Send(line{e, lost}) })
}

// Client asks the tap in a node.
type Client struct {
	http *http.Client
}

// NewClient returns a client of the tap behind a socket; nothing is dialed yet.
func NewClient(dial unixsocket.Dialer) *Client {
	return &Client{http: unixsocket.Client(dial)}
}

// Follow calls f with what the tap sees until ctx ends, or the tap does.
func (c *Client) Follow(ctx context.Context, f func(e trace.Event, lost uint64)) error {
	response, err := c.get(ctx, "/trace")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return unixsocket.Each(ctx, response.Body, "event of the node", func(l line) error {
		f(l.Event, l.Lost)
		return nil
	})
}

// Calls asks how often the kubelet called its runtime, since it started.
func (c *Client) Calls(ctx context.Context) ([]Calls, error) {
	response, err := c.get(ctx, "/calls")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list []Calls
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("read calls of the node: %w", err)
	}
	return list, nil
}

func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("the node answers %s", response.Status)
	}
	return response, nil
}
