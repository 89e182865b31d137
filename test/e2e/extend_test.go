package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestExtensions proves that the API server finds an admission webhook and an
// aggregated API by the name of their service, on whatever node they run.
func TestExtensions(t *testing.T) {
	ns := shared.namespace(t)
	ref := "example.com/loaded/extension:1"
	archive := filepath.Join(t.TempDir(), "image.tar")
	writeDockerArchive(t, archive, ref, imageOf(t, buildGuest(t)))
	shared.kubarium(t, "image", "load", archive)
	ca := serveGuest(t, ns, ref)
	t.Run("webhook", func(t *testing.T) {
		shared.apply(t, ns, fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration,
			metadata: {name: %[1]s}, webhooks: [{name: guest.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Fail,
			clientConfig: {caBundle: %[2]s, service: {name: guest, namespace: %[1]s, path: /validate}},
			namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}},
			rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}]}`, ns, ca))
		t.Cleanup(func() { shared.kubectl(t, "delete", "validatingwebhookconfiguration", ns) })
		// The API server learns of a new webhook by a watch.
		eventually(t, "refusal by the webhook", func(context.Context) error {
			shared.try(t, "kubectl", "-n", ns, "delete", "configmap", "bad", "--ignore-not-found")
			_, err := shared.client.CoreV1().ConfigMaps(ns).Create(bounded(t), &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: "bad", Labels: map[string]string{"forbidden": "yes"}},
			}, metav1.CreateOptions{})
			if err == nil || !strings.Contains(err.Error(), "the guest forbids it") {
				return fmt.Errorf("creation of what is forbidden: %w", err)
			}
			return nil
		})
		shared.kubectl(t, "-n", ns, "create", "configmap", "good")
	})
	t.Run("aggregated API", func(t *testing.T) {
		shared.apply(t, "default", fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.guest.example.com},
			spec: {group: guest.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, caBundle: %s, service: {name: guest, namespace: %s}}}`, ca, ns))
		t.Cleanup(func() { shared.kubectl(t, "delete", "apiservice", "v1.guest.example.com") })
		shared.kubectl(t, "wait", "--for=condition=Available", "apiservice/v1.guest.example.com", "--timeout=80s")
		eventually(t, "answer of the aggregated API", func(context.Context) error {
			out, _ := shared.try(t, "kubectl", "get", "--raw", "/apis/guest.example.com/v1/greeting")
			if !strings.Contains(out, "hello kubernetes-admin") {
				return fmt.Errorf("answer %q", out)
			}
			return nil
		})
	})
}

// serveGuest runs the guest behind a service, and returns its certificate for who is
// to trust it, in base64.
func serveGuest(t *testing.T, ns, image string) string {
	t.Helper()
	certPEM, keyPEM := certify(t, "guest."+ns+".svc")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "guest"}, Data: map[string][]byte{"tls.crt": certPEM, "tls.key": keyPEM}}
	if _, err := shared.client.CoreV1().Secrets(ns).Create(bounded(t), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	shared.apply(t, ns, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: guest, labels: {app: guest}}
spec:
  containers:
  - {name: guest, image: %q, volumeMounts: [{name: tls, mountPath: /tls}], readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}}
  volumes: [{name: tls, secret: {secretName: guest}}]
---
apiVersion: v1
kind: Service
metadata: {name: guest}
spec: {selector: {app: guest}, ports: [{port: 443, targetPort: 8443}]}
`, image))
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/guest", "--timeout=80s")
	return base64.StdEncoding.EncodeToString(certPEM)
}

// certify makes a certificate for a host, which whoever trusts it, trusts alone.
func certify(t *testing.T, host string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes})
	return certPEM, keyPEM
}
