package cluster

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/transport"

	"kubarium/cluster/addons"
	"kubarium/cluster/node"
	"kubarium/cluster/pki"
	"kubarium/cluster/rewind"
)

// admin is the user of the kubeconfig.
const admin = "kubernetes-admin"

// openPKI opens the certificates, and has what this run issues renewed until it ends.
func (c *Cluster) openPKI() error {
	var err error
	if c.pki, err = pki.Open(c.layout.PKI()); err != nil {
		return fmt.Errorf("open certificates: %w", err)
	}
	c.pki.Lifetime = c.options.CertificateLifetime
	// It is upstream's, and for the whole process: there is but one cluster in it.
	transport.CertCallbackRefreshDuration = c.pki.ReloadInterval()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.pki.Renew(ctx, c.tellRenewal)
	}()
	c.onStop(func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
	return nil
}

func (c *Cluster) tellRenewal(name string, err error) {
	if err != nil {
		c.log.Error("renew certificate", "of", name, "error", err)
		return
	}
	c.log.Info("certificate renewed", "of", name)
}

// nodeIdentities issues the certificates of a node.
func (c *Cluster) nodeIdentities(n nodeState) (node.Identities, error) {
	user := "system:node:" + n.Name
	var i node.Identities
	var err error
	if i.Kubelet, err = c.pki.Client(user, "system:nodes"); err != nil {
		return i, err
	}
	name := pkix.Name{CommonName: user, Organization: []string{"system:nodes"}}
	if i.Serving, err = c.pki.Server(name, []string{n.Name}, []net.IP{c.nodeAddress(n.Index).AsSlice()}); err != nil {
		return i, err
	}
	if i.Proxy, err = c.pki.Client("system:kube-proxy"); err != nil {
		return i, err
	}
	if c.options.has(addons.NetworkPolicy) {
		i.Policy, err = c.pki.Client("kubarium:network-policy:"+n.Name, "kubarium:network-policy")
	}
	return i, err
}

// keepIdentities has a running node's certificates renewed until it ends.
func (c *Cluster) keepIdentities(n nodeState, running *node.Node) {
	c.pki.Keep(n.Name, func() error {
		identities, err := c.nodeIdentities(n)
		if err != nil {
			return err
		}
		return running.Renew(identities)
	})
}

// openAccess makes the administrator's client, and the kubeconfig, which both go on when
// their certificate ends.
func (c *Cluster) openAccess(server string) error {
	issue := func() (pki.KeyPair, error) { return c.pki.Client(admin, "system:masters") }
	file, err := c.pki.KeepFile("admin", issue)
	if err != nil {
		return err
	}
	c.restConfig = &rest.Config{
		Host: server,
		// Informers of the app are never held back.
		QPS:             -1,
		UserAgent:       rewind.OwnAgent,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.CA.PEM(), CertFile: file, KeyFile: file},
	}
	pair, err := issue()
	if err != nil {
		return err
	}
	data, err := pki.Kubeconfig(c.options.Name, admin, server, c.pki.CA.PEM(), pair)
	if err != nil {
		return err
	}
	c.pki.Keep("kubeconfig", func() error {
		pair, err := issue()
		if err != nil {
			return err
		}
		return c.changeKubeconfig(func(config *clientcmdapi.Config) {
			config.AuthInfos[admin] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
		})
	})
	return c.writeKubeconfig(data)
}

// clientAs returns a client that asks under a name of its own, and may do what that may.
func (c *Cluster) clientAs(user string) (kubernetes.Interface, error) {
	file, err := c.pki.KeepFile(strings.TrimPrefix(user, "system:"), func() (pki.KeyPair, error) { return c.pki.Client(user) })
	if err != nil {
		return nil, err
	}
	config := rest.CopyConfig(c.restConfig)
	config.CertFile, config.KeyFile = file, file
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client of %s: %w", user, err)
	}
	return client, nil
}
