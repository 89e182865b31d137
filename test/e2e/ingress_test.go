package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ingress are the addresses on the host of the ingress controller.
type ingress struct {
	http, https string
	// roots are the certificates that are trusted.
	roots *x509.CertPool
}

func findIngress(t *testing.T) *ingress {
	t.Helper()
	found := &ingress{roots: x509.NewCertPool()}
	eventually(t, "ingress controller on the host", func(ctx context.Context) error {
		s, err := shared.client.CoreV1().Services("traefik").Get(ctx, "traefik", metav1.GetOptions{})
		if err != nil {
			return err
		}
		hosts := strings.Split(s.Annotations[hostAnnotation], ", ")
		if len(hosts) != 2 {
			return fmt.Errorf("on the host at %q", hosts)
		}
		found.http, found.https = hosts[0], hosts[1]
		return nil
	})
	shared.eventuallyOK(t, "kubectl", "-n", "traefik", "rollout", "status", "deployment/traefik", "--timeout=60s")
	return found
}

// ask gets a page as a browser does that takes the controller for every host.
func (i *ingress) ask(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		to := i.http
		if strings.HasSuffix(address, ":443") {
			to = i.https
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: dial, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: i.roots, MinVersion: tls.VersionTLS12},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.Status + " " + string(body), err
}

// answers waits until the page says what it should.
func (i *ingress) answers(t *testing.T, url, want string) {
	t.Helper()
	eventually(t, url, func(ctx context.Context) error {
		got, err := i.ask(ctx, url)
		if err == nil && !strings.Contains(got, want) {
			err = fmt.Errorf("%q, want %q", got, want)
		}
		return err
	})
}

// webs makes web servers with a service each.
func (c *testCluster) webs(t *testing.T, ns string, names ...string) {
	t.Helper()
	for _, name := range names {
		c.kubectl(t, "-n", ns, "create", "deployment", name, "--image=kubarium/web:1.0")
		c.kubectl(t, "-n", ns, "expose", "deployment", name, "--port=80", "--target-port=8080")
	}
	for _, name := range names {
		c.kubectl(t, "-n", ns, "rollout", "status", "deployment/"+name, "--timeout=60s")
	}
}

func TestIngress(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	controller := findIngress(t)
	shared.webs(t, ns, "one", "two", "three")
	certificate, key := selfSigned(t, "shop.example")
	controller.roots.AppendCertsFromPEM(certificate)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shared.kubectl(t, "-n", ns, "create", "secret", "tls", "shop", "--cert", filepath.Join(dir, "tls.crt"), "--key", filepath.Join(dir, "tls.key"))
	shared.apply(t, ns, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  tls: [{hosts: [shop.example], secretName: shop}]
  rules:
  - host: shop.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: one, port: {number: 80}}}}
      - {path: /two, pathType: Prefix, backend: {service: {name: two, port: {number: 80}}}}
      - {path: /exactly, pathType: Exact, backend: {service: {name: three, port: {number: 80}}}}
---
# As tutorials have it that were written for another controller.
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: tutorial
  annotations: {nginx.ingress.kubernetes.io/rewrite-target: /$2, nginx.ingress.kubernetes.io/use-regex: "true"}
spec:
  ingressClassName: nginx
  rules:
  - host: tutorial.example
    http:
      paths: [{path: "/app(/|$)(.*)", pathType: ImplementationSpecific, backend: {service: {name: two, port: {number: 80}}}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: rest}
spec: {defaultBackend: {service: {name: three, port: {number: 80}}}}
`)
	for url, want := range map[string]string{
		"http://shop.example/":             "Hello from pod one-",
		"http://shop.example/elsewhere":    "Hello from pod one-",
		"http://shop.example/two":          "Hello from pod two-",
		"http://shop.example/two/more":     "Hello from pod two-",
		"http://shop.example/twofold":      "Hello from pod one-",
		"http://shop.example/exactly":      "Hello from pod three-",
		"http://shop.example/exactly/not":  "Hello from pod one-",
		"http://tutorial.example/app/page": "Hello from pod two-",
		"http://nobody.example/":           "Hello from pod three-",
		"https://shop.example/two":         "Hello from pod two-",
	} {
		controller.answers(t, url, want)
	}
	if got, err := controller.ask(bounded(t), "https://other.example/"); err == nil {
		t.Errorf("a host without a certificate of its own is trusted: %q", got)
	}
	eventually(t, "the status has the address", func(context.Context) error {
		out := shared.kubectl(t, "-n", ns, "get", "ingress", "shop", "-o", "jsonpath={.spec.ingressClassName} {.status.loadBalancer.ingress[0].ip}")
		if !strings.HasPrefix(out, "traefik 10.89.1.") {
			return errors.New(out)
		}
		return nil
	})
	shared.kubectl(t, "-n", ns, "delete", "ingress", "rest")
	controller.answers(t, "http://nobody.example/", "404")
}

// TestGateway proves that the controller serves the Gateway API as well.
func TestGateway(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	controller := findIngress(t)
	shared.webs(t, ns, "one", "two")
	shared.apply(t, ns, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec: {gatewayClassName: traefik, listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gate}]
  hostnames: [route.example]
  rules:
  - matches: [{headers: [{name: try, value: new}]}]
    backendRefs: [{name: two, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /old}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{name: one, port: 80}]
`)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Programmed", "gateway/gate", "--timeout=60s")
	controller.answers(t, "http://route.example/old", "Hello from pod one-")
	controller.answers(t, "http://route.example/new", "404")
	out := shared.kubectl(t, "-n", ns, "get", "httproute", "route", "-o", `jsonpath={.status.parents[0].conditions[?(@.type=="Accepted")].status}`)
	if out != "True" {
		t.Errorf("the route is accepted: %s", out)
	}
	if out := shared.kubectl(t, "explain", "httproute.spec.rules.matches"); !strings.Contains(out, "rule will be matched") {
		t.Errorf("kubectl explain httproute: %s", out)
	}
}

// selfSigned makes a certificate for a host, and its key.
func selfSigned(t *testing.T, host string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
