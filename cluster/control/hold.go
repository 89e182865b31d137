package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"kubarium/cluster/hold"
)

// Hold has requests wait that the rule matches.
func (c *Client) Hold(ctx context.Context, rule hold.Rule) error {
	body, err := json.Marshal(rule)
	if err != nil {
		return fmt.Errorf("encode rule: %w", err)
	}
	return c.call(ctx, http.MethodPost, "/v1/holds", bytes.NewReader(body), nil)
}

// Holds tells what is held.
func (c *Client) Holds(ctx context.Context) (hold.State, error) {
	var state hold.State
	return state, c.call(ctx, http.MethodGet, "/v1/holds", nil, &state)
}

// Step lets n requests through that wait by the rule, "" is any, and returns them.
func (c *Client) Step(ctx context.Context, rule string, n int) ([]hold.Waiting, error) {
	var passed []hold.Waiting
	query := url.Values{"rule": {rule}, "n": {strconv.Itoa(n)}}
	return passed, c.call(ctx, http.MethodPost, "/v1/holds/step?"+query.Encode(), nil, &passed)
}

// Release takes a rule away, "" is all, and returns what waited by it.
func (c *Client) Release(ctx context.Context, rule string) ([]hold.Waiting, error) {
	var passed []hold.Waiting
	query := url.Values{"rule": {rule}}
	return passed, c.call(ctx, http.MethodDelete, "/v1/holds?"+query.Encode(), nil, &passed)
}

func handleHolds(mux *http.ServeMux, holds *hold.Manager) {
	mux.HandleFunc("GET /v1/holds", func(w http.ResponseWriter, _ *http.Request) { answer(w, holds.State(), nil) })
	mux.HandleFunc("POST /v1/holds", func(w http.ResponseWriter, r *http.Request) {
		var rule hold.Rule
		if err := json.NewDecoder(r.Body).Decode(&rule); err != nil {
			answer(w, nil, fmt.Errorf("read rule: %w", err))
			return
		}
		answer(w, nil, holds.Hold(rule))
	})
	mux.HandleFunc("POST /v1/holds/step", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.FormValue("n"))
		if err != nil {
			answer(w, nil, fmt.Errorf("read number of requests: %w", err))
			return
		}
		passed, err := holds.Step(r.FormValue("rule"), n)
		answer(w, passed, err)
	})
	mux.HandleFunc("DELETE /v1/holds", func(w http.ResponseWriter, r *http.Request) {
		passed, err := holds.Release(r.FormValue("rule"))
		answer(w, passed, err)
	})
}
