package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"kubarium/cluster/fault"
)

// InjectFault breaks something, and says what to expect.
func (c *Client) InjectFault(ctx context.Context, order fault.Order) (fault.Active, error) {
	var injected fault.Active
	body, err := json.Marshal(order)
	if err != nil {
		return injected, fmt.Errorf("encode fault: %w", err)
	}
	return injected, c.call(ctx, http.MethodPost, "/v1/faults", bytes.NewReader(body), &injected)
}

// HealFaults heals the active faults of the given name and target, and returns them; an
// empty one means all.
func (c *Client) HealFaults(ctx context.Context, name, target string) ([]fault.Active, error) {
	var healed []fault.Active
	query := url.Values{"name": {name}, "target": {target}}
	return healed, c.call(ctx, http.MethodDelete, "/v1/faults?"+query.Encode(), nil, &healed)
}

// Faults lists the active faults.
func (c *Client) Faults(ctx context.Context) ([]fault.Active, error) {
	var active []fault.Active
	return active, c.call(ctx, http.MethodGet, "/v1/faults", nil, &active)
}

func handleFaults(mux *http.ServeMux, faults *fault.Manager) {
	mux.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, faults.Active(), nil) })
	mux.HandleFunc("POST /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		var order fault.Order
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			answer(w, nil, fmt.Errorf("read fault: %w", err))
			return
		}
		injected, err := faults.Inject(detached(r), order)
		answer(w, injected, err)
	})
	mux.HandleFunc("DELETE /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		healed, err := faults.Heal(detached(r), r.FormValue("name"), r.FormValue("target"))
		answer(w, healed, err)
	})
}
