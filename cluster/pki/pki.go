// Package pki holds a cluster's certificate authorities and keys, and issues
// each component a certificate of its own.
//
// All keys are ECDSA P-256: making one takes microseconds, where RSA would cost
// a noticeable part of the boot.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"kubarium/cluster/wholefile"
)

// Lifetimes of what is issued. Leaf certificates are issued anew at each start of
// the cluster, and when two thirds of their life are over, see Renew.
const (
	authorityLifetime   = 10 * 365 * 24 * time.Hour
	defaultLeafLifetime = 365 * 24 * time.Hour
	// backdate allows for a clock that is set back after the start: one that took the hardware's
	// local time for UTC is wrong by half a day at most, and by a day where it was set by hand.
	backdate = 24 * time.Hour
)

// KeyPair is a certificate and its private key, both PEM.
type KeyPair struct {
	Cert, Key []byte
}

// PEM is both in one file, as upstream's kubelet keeps its own.
func (p KeyPair) PEM() []byte { return slices.Concat(p.Cert, p.Key) }

// Authority is a certificate authority.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  KeyPair
}

// PEM returns the authority's certificate, never its key.
func (a *Authority) PEM() []byte { return a.pem.Cert }

// Store is a cluster's PKI in a directory:
//
//	ca.crt, ca.key                          the cluster's authority
//	front-proxy-ca.crt, front-proxy-ca.key  the authority of aggregated API requests
//	sa.key, sa.pub                          the key that signs service account tokens
type Store struct {
	dir string
	// CA signs what serves and calls within the cluster.
	CA *Authority
	// FrontProxyCA signs the API server's identity towards aggregated API servers.
	FrontProxyCA *Authority
	// Lifetime of what is issued from now on; a year if it is 0.
	Lifetime time.Duration

	renewals renewals
}

func (s *Store) leafLifetime() time.Duration {
	if s.Lifetime > 0 {
		return s.Lifetime
	}
	return defaultLeafLifetime
}

// Open reads the PKI in dir, and makes what is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make pki directory: %w", err)
	}
	s := &Store{dir: dir, renewals: renewals{kept: map[string]*renewal{}, changed: make(chan struct{}, 1)}}
	var err error
	if s.CA, err = s.authority("ca", "kubernetes"); err != nil {
		return nil, err
	}
	if s.FrontProxyCA, err = s.authority("front-proxy-ca", "front-proxy-ca"); err != nil {
		return nil, err
	}
	return s, s.ensureServiceAccountKey()
}

// Path returns the path of a file in the store.
func (s *Store) Path(name string) string { return filepath.Join(s.dir, name) }

// Client issues a client certificate: user is the Kubernetes user name, groups
// its groups.
func (s *Store) Client(user string, groups ...string) (KeyPair, error) {
	return s.CA.issue(x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, s.leafLifetime())
}

// ExpiredClient issues a client certificate that was good until an hour ago.
func (s *Store) ExpiredClient(user string, groups ...string) (KeyPair, error) {
	over := time.Now().Add(-time.Hour)
	return s.CA.issue(x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore:   over.Add(-defaultLeafLifetime), NotAfter: over,
	}, 0)
}

// FrontProxyClient issues the certificate by which aggregated API servers know
// that a request comes through the API server.
func (s *Store) FrontProxyClient(name string) (KeyPair, error) {
	return s.FrontProxyCA.issue(x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, s.leafLifetime())
}

// Server issues a serving certificate for the given DNS names and addresses.
func (s *Store) Server(name pkix.Name, dns []string, ips []net.IP) (KeyPair, error) {
	return s.CA.issue(x509.Certificate{
		Subject:     name,
		DNSNames:    dns,
		IPAddresses: ips,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, s.leafLifetime())
}

// EtcdPeer issues what etcd's members show each other. They have an authority of their own:
// a certificate of the cluster's makes nobody a member.
func (s *Store) EtcdPeer() (KeyPair, error) {
	authority, err := s.authority("etcd-ca", "etcd-ca")
	if err != nil {
		return KeyPair{}, err
	}
	return authority.issue(x509.Certificate{
		Subject:     pkix.Name{CommonName: "etcd-peer"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, s.leafLifetime())
}

func (s *Store) authority(file, commonName string) (*Authority, error) {
	certPEM, err := os.ReadFile(s.Path(file + ".crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return s.createAuthority(file, commonName)
	}
	if err != nil {
		return nil, fmt.Errorf("read authority %s: %w", file, err)
	}
	key, err := keyutil.PrivateKeyFromFile(s.Path(file + ".key"))
	if err != nil {
		return nil, s.explain(fmt.Errorf("read key of authority %s: %w", file, err))
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, s.explain(fmt.Errorf("key of authority %s: %T cannot sign", file, key))
	}
	certs, err := cert.ParseCertsPEM(certPEM)
	if err != nil {
		return nil, s.explain(fmt.Errorf("parse authority %s: %w", file, err))
	}
	authority := &Authority{cert: certs[0], key: signer, pem: KeyPair{Cert: certPEM}}
	return authority, authority.checkClock(time.Now())
}

// checkClock compares the authority's life with the machine's clock. Outside of it nobody takes
// what the authority signs, not even the API server its own: it would be waited for in vain.
func (a *Authority) checkClock(now time.Time) error {
	if !now.Before(a.cert.NotBefore) && !now.After(a.cert.NotAfter) {
		return nil
	}
	const minutes = "2006-01-02 15:04 MST"
	return fmt.Errorf("this machine's clock says %s, and the cluster's certificate authority is valid from %s to %s: set the clock, or start over with 'kubarium reset' if it is right",
		now.UTC().Format(minutes), a.cert.NotBefore.UTC().Format(minutes), a.cert.NotAfter.UTC().Format(minutes))
}

// explain adds the remedy to what is wrong with a file's content, or that it is gone. Of
// a file that can't be read, the system says enough.
func (s *Store) explain(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: restore the files in %s from a copy, or start over with 'kubarium reset'", err, s.dir)
}

func (s *Store) createAuthority(file, commonName string) (*Authority, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		DNSNames:              []string{commonName},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
	}
	authority := &Authority{key: key}
	if authority.cert, authority.pem.Cert, err = sign(template, &template, key.Public(), key); err != nil {
		return nil, fmt.Errorf("sign authority %s: %w", file, err)
	}
	// The key goes first: a certificate without its key would stop the next start, and so
	// would a part of either.
	if err := wholefile.Write(s.Path(file+".key"), 0o600, keyPEM); err != nil {
		return nil, fmt.Errorf("write key of authority %s: %w", file, err)
	}
	if err := wholefile.Write(s.Path(file+".crt"), 0o644, authority.pem.Cert); err != nil {
		return nil, fmt.Errorf("write authority %s: %w", file, err)
	}
	return authority, nil
}

func (s *Store) ensureServiceAccountKey() error {
	public, err := os.ReadFile(s.Path("sa.pub"))
	if errors.Is(err, fs.ErrNotExist) {
		return s.createServiceAccountKey()
	}
	if err != nil {
		return fmt.Errorf("read service account public key: %w", err)
	}
	if _, err := keyutil.ParsePublicKeysPEM(public); err != nil {
		return s.explain(fmt.Errorf("parse service account public key: %w", err))
	}
	if _, err := keyutil.PrivateKeyFromFile(s.Path("sa.key")); err != nil {
		return s.explain(fmt.Errorf("read service account key: %w", err))
	}
	return nil
}

func (s *Store) createServiceAccountKey() error {
	key, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode service account key: %w", err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: keyutil.PublicKeyBlockType, Bytes: der})
	if err := wholefile.Write(s.Path("sa.key"), 0o600, keyPEM); err != nil {
		return fmt.Errorf("write service account key: %w", err)
	}
	if err := wholefile.Write(s.Path("sa.pub"), 0o600, public); err != nil {
		return fmt.Errorf("write service account public key: %w", err)
	}
	return nil
}

// issue signs what the template says; it is good for the lifetime from now on unless the
// template tells something else.
func (a *Authority) issue(template x509.Certificate, lifetime time.Duration) (KeyPair, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return KeyPair{}, err
	}
	if now := time.Now(); template.NotAfter.IsZero() {
		template.NotBefore = now.Add(-backdate)
		template.NotAfter = now.Add(lifetime)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	_, certPEM, err := sign(template, a.cert, key.Public(), a.key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("sign certificate of %s: %w", template.Subject.CommonName, err)
	}
	return KeyPair{Cert: certPEM, Key: keyPEM}, nil
}

func sign(template x509.Certificate, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, []byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("draw serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, public, signer)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	certPEM, err := cert.EncodeCertificates(parsed)
	return parsed, certPEM, err
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return key, keyPEM, nil
}
