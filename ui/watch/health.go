package watch

import (
	"context"
	"errors"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Health notices when the API server stops answering, by looking at the requests
// that are made anyway.
type Health struct {
	failed chan error
}

// NewHealth makes a Health that has seen nothing yet.
func NewHealth() *Health { return &Health{failed: make(chan error, 1)} }

// Config is a copy of c whose requests h sees.
func (h *Health) Config(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return observer{next: next, health: h}
	})
	return c
}

// fail reports a request without an answer; one report is kept.
func (h *Health) fail(err error) {
	select {
	case h.failed <- err:
	default:
	}
}

// forget drops the report that is kept.
func (h *Health) forget() {
	select {
	case <-h.failed:
	default:
	}
}

type observer struct {
	next   http.RoundTripper
	health *Health
}

func (o observer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err != nil && req.Context().Err() == nil && !errors.Is(err, context.Canceled) {
		o.health.fail(err)
	}
	return resp, err
}

// Ask asks the API server whether it is ready.
func Ask(client kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}
