package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"kubarium/cluster/trace"
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
	decoder := json.NewDecoder(response.Body)
	for {
		var t traced
		if err := decoder.Decode(&t); err != nil {
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("read event: %w", err)
		}
		if err := f(t.Event, t.Lost); err != nil {
			return err
		}
	}
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
	flusher := http.NewResponseController(w)
	encoder := json.NewEncoder(w)
	last, follow := store.Last(), r.FormValue("follow") == "true"
	// The reader learns at once that it is connected.
	if flusher.Flush() != nil || !follow && after >= last {
		return
	}
	_ = store.Follow(r.Context(), after, func(event trace.Event, lost uint64) error {
		if !follow && event.Seq > last {
			return io.EOF
		}
		if err := encoder.Encode(traced{event, lost}); err != nil {
			return err
		}
		if event.Seq < last {
			return nil
		}
		if err := flusher.Flush(); err != nil {
			return err
		}
		if !follow {
			return io.EOF
		}
		return nil
	})
}
