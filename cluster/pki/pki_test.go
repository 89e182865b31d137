package pki

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// TestClockIsSetBack: what was issued by a clock that was fast is good when it is right again.
func TestClockIsSetBack(t *testing.T) {
	store, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := store.Client("system:node:node-1", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(store.CA.PEM())
	options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: time.Now().Add(-14 * time.Hour)}
	if _, err := parse(t, pair).Verify(options); err != nil {
		t.Errorf("half a day before: %v", err)
	}
}

// TestClockOutsideOfTheAuthoritysLifeIsTold opens a store by clocks that are wrong, or come to be
// right: where no certificate would be good, the start says so instead of waiting.
func TestClockOutsideOfTheAuthoritysLifeIsTold(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	for _, test := range []struct {
		what string
		// made and opened are told by a clock that begins with the year 2000.
		made, opened time.Duration
		want         string
	}{
		{"a day and more before", 40 * hour, 0, "clock says 2000-01-01 00:00 UTC, and the cluster's certificate authority is valid from 2000-01-01 16:00 UTC to 2009-12-30 16:00 UTC: set the clock"},
		{"half a day before", 12 * hour, 0, ""},
		{"nine years after", 0, 9 * year, ""},
		{"eleven years after", 0, 11 * year, "set the clock, or start over with 'kubarium reset' if it is right"},
	} {
		dir := t.TempDir()
		openAt := func(at time.Duration) (err error) {
			synctest.Test(t, func(*testing.T) {
				time.Sleep(at)
				_, err = Open(dir)
			})
			return err
		}
		if err := openAt(test.made); err != nil {
			t.Fatal(err)
		}
		if err := openAt(test.opened); err != nil != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.what, err, test.want)
		}
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

// TestDamagedStoreIsTold proves that no torn file is taken, nor silently replaced.
func TestDamagedStoreIsTold(t *testing.T) {
	for _, name := range []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.pub", "sa.key"} {
		for _, content := range []string{"", "torn"} {
			dir := t.TempDir()
			store, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(store.Path(name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "'kubarium reset'") || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s is %q: %v", name, content, err)
			}
			if left, err := os.ReadFile(store.Path(name)); err != nil || string(left) != content {
				t.Errorf("%s was %q, and is %q: %v", name, content, left, err)
			}
		}
	}
}

// TestStoreIsWrittenInWholeFiles proves that a start that is killed leaves what the next one
// goes on with: keys without what is made of them, and no file that is half written.
func TestStoreIsWrittenInWholeFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ca.key", "front-proxy-ca.key", "sa.key"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("old"), 0o600), os.Link(path, path+".old")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "front-proxy-ca.key", "sa.key"} {
		if old, err := os.ReadFile(filepath.Join(dir, name+".old")); err != nil || string(old) != "old" {
			t.Errorf("%s was written in place: %q, %v", name, old, err)
		}
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
