package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/mvcc"
)

// TestPeerCertificatesAreRenewed has the certificate end that etcd's members had at their
// start: each shows another one, by which members that come anew are let in, and the old
// one lets nobody in.
func TestPeerCertificatesAreRenewed(t *testing.T) {
	const life = 10 * time.Second
	p := newPlaneWith(t, func(c *Config) {
		c.EtcdPeers = peerPorts(t)
		c.PKI.Lifetime = life
	})
	renewing, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.config.PKI.Renew(renewing, func(name string, err error) {
			if err != nil {
				t.Errorf("renew %s: %v", name, err)
			}
		})
	}()
	t.Cleanup(func() { stop(); <-ended })
	serveEtcd(t, p)
	old, err := os.ReadFile(p.config.PKI.Path(peerCertificate + ".pem"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := tls.X509KeyPair(old, old)
	if err != nil {
		t.Fatal(err)
	}
	p.put("before")
	time.Sleep(time.Until(first.Leaf.NotAfter) + time.Second)

	for i, port := range p.config.EtcdPeers {
		eventually(t, fmt.Sprintf("member %d, after the first certificate's end", i+1), func() error {
			now, err := p.peer(port)
			if err == nil && now.Equal(first.Leaf) {
				err = errors.New("it shows the certificate that has ended")
			}
			return err
		})
		if _, err := p.peer(port, first); err == nil {
			t.Errorf("member %d lets in who shows the certificate that has ended", i+1)
		}
	}
	// Two members come anew, and speak to the one that was there all the time.
	if err := p.Etcd.LoseQuorum(); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.RestoreQuorum(bounded(t)); err != nil {
		t.Fatal(err)
	}
	p.put("after")
	for _, m := range p.Etcd.members {
		// Each has it in its own store, whoever leads.
		eventually(t, "write in "+m.name(), func() error {
			result, err := m.server.Load().Server.KV().Range(bounded(t), []byte("after"), nil, mvcc.RangeOptions{})
			if err == nil && len(result.KVs) == 0 {
				err = errors.New("it is not there")
			}
			return err
		})
	}
}

// put writes a key, which takes a majority of the members.
func (p *plane) put(key string) {
	p.t.Helper()
	client, err := p.Etcd.Client()
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	eventually(p.t, "write of "+key, func() error {
		ctx, cancel := context.WithTimeout(bounded(p.t), 5*time.Second)
		defer cancel()
		_, err := client.Put(ctx, key, "written")
		return err
	})
}

// peer returns what the member at a port shows to a caller, who shows the certificate that
// is in the members' file now if it has no other.
func (p *plane) peer(port int, own ...tls.Certificate) (*x509.Certificate, error) {
	p.t.Helper()
	if len(own) == 0 {
		file := p.config.PKI.Path(peerCertificate + ".pem")
		current, err := tls.LoadX509KeyPair(file, file)
		if err != nil {
			p.t.Fatal(err)
		}
		own = []tls.Certificate{current}
	}
	authority, err := os.ReadFile(p.config.PKI.Path("etcd-ca.crt"))
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, Certificates: own}}
	conn, err := dialer.DialContext(bounded(p.t), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// With TLS 1.3 the server's word on the caller's certificate comes with the first read:
	// who is let in is waited for, and reads nothing.
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
		return nil, err
	}
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// peerPorts are free ports for three members.
func peerPorts(t *testing.T) []int {
	t.Helper()
	var ports []int
	for range 3 {
		_, text, err := net.SplitHostPort(freeAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}
