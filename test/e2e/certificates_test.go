package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os/exec"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// certificatesAreRenewed outlives all the certificates that a start issued: whatever has
// one goes on, and the old ones are good for nothing.
func certificatesAreRenewed(t *testing.T) {
	const nobody = "65534"
	c := &testCluster{
		name: uniqueName("certs"), wrapper: []string{"env", "SUDO_UID=" + nobody, "SUDO_GID=" + nobody},
		flags: []string{"--disable", "ingress", "--certificate-lifetime", "1m", "--etcd-members", "3"},
	}
	startOn(t, c, func(string) error { return nil }, 1)
	served := c.servedCertificate(t)
	old := rest.CopyConfig(c.config)
	pair, err := tls.X509KeyPair(old.CertData, old.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	if life := time.Until(pair.Leaf.NotAfter); life > time.Minute {
		t.Fatalf("the kubeconfig's certificate is good for %s", life)
	}
	// All those of the start are issued before the cluster is ready.
	over := time.Now().Add(time.Minute)
	time.Sleep(time.Until(over))

	if now := c.servedCertificate(t); now.Equal(served) || time.Until(now.NotAfter) <= 0 {
		t.Errorf("a minute later the API server serves with a certificate that is good until %s; before, until %s", now.NotAfter, served.NotAfter)
	}
	c.expectRefused(t, old)
	// The new one, too, is for the user behind sudo alone.
	if out, err := exec.Command("stat", "--format", "%a %u", c.path("kubeconfig")).Output(); err != nil || string(out) != "600 "+nobody+"\n" {
		t.Errorf("the kubeconfig has mode and owner %q: %v", out, err)
	}
	// kubectl reads the kubeconfig anew. Controllers, the scheduler, the kubelet and
	// kube-proxy have a part in this, each with its certificate.
	c.kubectl(t, "create", "deployment", "web", "--image=kubarium/web:1.0", "--port=8080")
	c.kubectl(t, "expose", "deployment", "web", "--port=80", "--target-port=8080", "--type=NodePort")
	c.kubectl(t, "rollout", "status", "deployment/web", "--timeout=100s")
	c.runOn(t, "default", "client", "node-1", "kubarium/toolbox:1.0", "sleep", "1000")
	// The API server calls the kubelet, which serves with one, and looks at the caller's.
	c.eventuallyOK(t, "kubectl", "exec", "client", "--", "wget", "-qO-", "-T", "5", "http://web.default")
	c.eventuallyOK(t, "kubectl", "logs", "deployment/web")
	c.eventuallyOK(t, "kubectl", "top", "node", "node-1")
	port := c.kubectl(t, "get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")
	eventually(t, "node port", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web") })
	// Members of etcd that come anew have to be let in by the one that did not go.
	c.kubarium(t, "fault", "inject", "etcd-quorum-loss", "etcd", "--for", "5m")
	c.kubarium(t, "fault", "heal", "etcd-quorum-loss", "etcd")
	c.eventuallyOK(t, "kubectl", "create", "configmap", "by-a-majority")
	info, err := c.control().Info(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range info.Components {
		if part.State != "Ready" && part.Name != "traefik" {
			t.Errorf("%s is %s: %s", part.Name, part.State, part.Message)
		}
	}
}

// servedCertificate is the one by which the API server proves who it is.
func (c *testCluster) servedCertificate(t *testing.T) *x509.Certificate {
	t.Helper()
	server, err := url.Parse(c.config.Host)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.config.CAData)
	conn, err := tls.Dial("tcp", server.Host, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatalf("the API server's certificate: %v", err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// expectRefused proves that the API server no longer takes a certificate.
func (c *testCluster) expectRefused(t *testing.T, config *rest.Config) {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the old certificate", func(ctx context.Context) error {
		_, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("it is answered %v", err)
		}
		return nil
	})
}
