package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"kubarium/cluster/trace"
	"kubarium/cluster/unixsocket"
)

// traced is one line of the stream of a trace.
type traced struct {
	Event trace.Event `json:"event"`
	// Lost is how many events before this one nobody can read any more.
	Lost uint64 `json:"lost,omitempty"`
}

// Trace calls f with what the cluster's taps see until ctx or the cluster ends: the
// events after the one numbered after, of those that are still kept; with follow,
// those to come too. lost is how many before the event were overwritten unread.
func (c *Client) Trace(ctx context.Context, after uint64, follow bool, f func(event trace.Event, lost uint64) error) error {
	path := fmt.Sprintf("/v1/trace?after=%d&follow=%t", after, follow)
	response, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the cluster answers %s", response.Status)
	}
	return unixsocket.Each(ctx, response.Body, "event", func(t traced) error { return f(t.Event, t.Lost) })
}

// streamTrace writes one event a line. What waits for a slow reader is the socket's
// buffer, then the store, which does not wait.
func streamTrace(w http.ResponseWriter, r *http.Request, store *trace.Store) {
	var after uint64
	if text := r.FormValue("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			http.Error(w, "after is no number", http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	stream := unixsocket.NewStream(w)
	last, follow := store.Last(), r.FormValue("follow") == "true"
	// The reader learns at once that it is connected.
	if stream.Flush() != nil || !follow && after >= last {
		return
	}
	_ = store.Follow(r.Context(), after, func(event trace.Event, lost uint64) error {
		if !follow && event.Seq > last {
			return io.EOF
		}
		if err := stream.Write(traced{event, lost}); err != nil {
			return err
		}
		if event.Seq < last {
			return nil
		}
		if err := stream.Flush(); err != nil {
			return err
		}
		if !follow {
			return io.EOF
		}
		return nil
	})
}
