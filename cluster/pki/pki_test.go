package pki

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"os"
	"testing"
)

func TestAuthoritySurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := second.Client("system:node:node-1", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	leaf := parse(t, pair)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(first.CA.PEM())
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("certificate of the reopened authority does not verify: %v", err)
	}
	if leaf.Subject.CommonName != "system:node:node-1" || leaf.Subject.Organization[0] != "system:nodes" {
		t.Errorf("subject = %v", leaf.Subject)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a client certificate is accepted for serving")
	}
}

func TestServerCertificateNames(t *testing.T) {
	store, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := store.Server(pkix.Name{CommonName: "kube-apiserver"}, []string{"kubernetes.default.svc"}, []net.IP{net.IPv4(10, 96, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	leaf := parse(t, pair)
	for _, name := range []string{"kubernetes.default.svc", "10.96.0.1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Errorf("VerifyHostname(%q): %v", name, err)
		}
	}
	if err := leaf.VerifyHostname("example.com"); err == nil {
		t.Error("the certificate is good for a name it was not issued for")
	}
}

func TestKeysArePrivate(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "front-proxy-ca.key", "sa.key"} {
		info, err := os.Stat(store.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s = %v, want 0600", name, info.Mode().Perm())
		}
	}
}

func TestDamagedAuthorityIsAnError(t *testing.T) {
	dir := t.TempDir()
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.Path("ca.crt"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a torn authority was opened, or silently replaced")
	}
}

func parse(t *testing.T, pair KeyPair) *x509.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
