package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"kubarium/cluster/pki"
)

// probeInterval is how often a starting component is asked whether it is ready:
// upstream offers a question, not a notification.
const probeInterval = 10 * time.Millisecond

// writePrivate writes a file that only its owner may read.
func writePrivate(path string, data []byte) error {
	return os.WriteFile(path, data, 0o600)
}

// probe asks a component's health endpoints.
type probe struct {
	client *http.Client
}

func newProbe(store *pki.Store) (*probe, error) {
	// The API server's single checks are not for anonymous users; this group may
	// read them, and metrics, and nothing else.
	file, err := store.KeepFile("monitor", func() (pki.KeyPair, error) {
		return store.Client("kubarium-monitor", "system:monitoring")
	})
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(store.CA.PEM())
	return &probe{client: &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{
				RootCAs: roots,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					certificate, err := tls.LoadX509KeyPair(file, file)
					return &certificate, err
				},
			},
			// Of a stopped server no connection may linger.
			DisableKeepAlives: true,
		},
	}}, nil
}

// get returns nil when url answers 200, and lists each of checks.
func (p *probe) get(ctx context.Context, url string, checks ...string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", request.URL.Path, response.Status, failedChecks(string(body)))
	}
	for _, check := range checks {
		if !strings.Contains(string(body), check) {
			return fmt.Errorf("%s does not know of %s yet", request.URL.Path, check)
		}
	}
	return nil
}

// wait asks until url answers as get wants it, or ctx ends; then it tells the last
// answer.
func (p *probe) wait(ctx context.Context, url string, checks ...string) error {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for {
		err := p.get(ctx, url, checks...)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", ctx.Err(), err)
		}
	}
}

// failedChecks keeps the lines "[-]name failed: ..." of a verbose health answer.
func failedChecks(body string) string {
	var failed []string
	for _, line := range strings.Split(body, "\n") {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimPrefix(line, "[-]"))
		}
	}
	if len(failed) == 0 {
		return strings.TrimSpace(body)
	}
	return strings.Join(failed, "; ")
}
