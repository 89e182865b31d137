package metrics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// askInterval is how often a server that is not ready yet is asked again.
const askInterval = 100 * time.Millisecond

// ready waits until the server answers. It has figures later, when it has asked each
// kubelet twice.
func (s *Server) ready(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, askInterval, true, func(ctx context.Context) (bool, error) {
		last = s.health(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

func (s *Server) health(ctx context.Context) error { return s.get(ctx, "/livez") }

func (s *Server) get(ctx context.Context, path string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.config.PKI.CA.PEM())
	client := &http.Client{Timeout: resolution, Transport: &http.Transport{
		DialContext: s.config.Lab.DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.config.Address+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s answers %s: %s", Name, response.Status, body)
	}
	return nil
}
