package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
)

// Host is a machine in the cluster's network that is no node.
type Host struct {
	// Address is the host's own.
	Address netip.Addr `json:"address"`
	// Nameservers know the cluster's names, Search the domains to try.
	Nameservers []netip.Addr `json:"nameservers"`
	Search      []string     `json:"search"`
	// Server is the API server's address on the loopback of the machine that runs it.
	Server string `json:"server"`
}

// AttachHost plugs a network namespace, by the path of its file, into the cluster's
// network. It stays there until detach is called, ctx ends, or this process does.
func (c *Client) AttachHost(ctx context.Context, namespace string) (host Host, detach func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	response, err := c.do(ctx, http.MethodPost, "/v1/hosts?namespace="+url.QueryEscape(namespace), nil)
	if err != nil {
		cancel()
		return Host{}, nil, err
	}
	detach = func() {
		cancel()
		// Nothing is read from it any more.
		_ = response.Body.Close()
	}
	if response.StatusCode != http.StatusOK {
		defer detach()
		return Host{}, nil, refusal(response)
	}
	if err := json.NewDecoder(response.Body).Decode(&host); err != nil {
		detach()
		return Host{}, nil, fmt.Errorf("read answer of the cluster: %w", err)
	}
	return host, detach, nil
}

// holdHost attaches a host for as long as the other side stays.
func holdHost(w http.ResponseWriter, r *http.Request, cluster Cluster) {
	host, detach, err := cluster.AttachHost(r.FormValue("namespace"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	// The network says what went wrong; nobody is there to hear it.
	defer func() { _ = detach() }()
	answer(w, host, nil)
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	<-r.Context().Done()
}
