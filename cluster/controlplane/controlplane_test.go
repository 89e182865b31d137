package controlplane

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/cluster/logs"
	"kubarium/cluster/pki"
)

// plane is a control plane without nodes, for one test.
type plane struct {
	*Plane
	t      *testing.T
	config Config
	client kubernetes.Interface
	// adminCert is the client's, as PEM.
	adminCert []byte
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	return newPlaneWith(t, func(*Config) {})
}

// serveEtcd starts etcd, and waits until it serves.
func serveEtcd(t *testing.T, p *plane) {
	t.Helper()
	if err := p.Etcd.Start(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Etcd.Ready(bounded(t)); err != nil {
		t.Fatal(err)
	}
}

func newPlaneWith(t *testing.T, change func(*Config)) *plane {
	t.Helper()
	// A unix socket's path holds 107 characters at most: t.TempDir is too long.
	dir, err := os.MkdirTemp("", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	for _, sub := range []string{"run", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	store, err := pki.Open(filepath.Join(dir, "pki"))
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	config := Config{
		Dir: dir, Logs: logs.In(filepath.Join(dir, "logs")), PKI: store,
		Listen:           func() (net.Listener, error) { return net.Listen("tcp4", address) },
		Server:           "https://" + address,
		AdvertiseAddress: netip.MustParseAddr("192.0.2.1"),
		ServiceCIDR:      netip.MustParsePrefix("10.96.0.0/16"),
		PodCIDR:          netip.MustParsePrefix("10.244.0.0/16"),
		ClusterName:      "test",
	}
	change(&config)
	if err := config.Logs.TakeGlobal(); err != nil {
		t.Fatal(err)
	}
	components, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := store.Client("kubernetes-admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{Plane: components, t: t, config: config, adminCert: admin.Cert}
	p.client = kubernetes.NewForConfigOrDie(&rest.Config{
		Host: config.Server, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: store.CA.PEM(), CertData: admin.Cert, KeyData: admin.Key},
	})
	t.Cleanup(func() {
		for _, c := range slices.Backward(p.Components()) {
			if err := c.Stop(bounded(t)); err != nil {
				t.Errorf("stop %s: %v", c.Name(), err)
			}
		}
	})
	return p
}

func (p *plane) start() {
	p.t.Helper()
	ctx := bounded(p.t)
	begin := time.Now()
	step := func(what string, err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatalf("%s: %v", what, err)
		}
		p.t.Logf("%6.3f s %s", time.Since(begin).Seconds(), what)
	}
	step("etcd started", p.Etcd.Start(ctx))
	step("etcd ready", p.Etcd.Ready(ctx))
	step("policy seeded", p.Seed(ctx))
	step("kube-apiserver started", p.APIServer.Start(ctx))
	step("kube-apiserver serving", p.APIServer.Serving(ctx))
	step("kube-controller-manager started", p.ControllerManager.Start(ctx))
	step("kube-scheduler started", p.Scheduler.Start(ctx))
	p.waitForServiceAccount("default")
	step("default service account", nil)
	for _, c := range p.Components() {
		step(c.Name()+" ready", c.Ready(ctx))
	}
}

func (p *plane) waitForServiceAccount(namespace string) {
	p.t.Helper()
	err := wait.PollUntilContextCancel(bounded(p.t), 5*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := p.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		p.t.Fatalf("service account of namespace %s: %v", namespace, err)
	}
}

// TestComponentsStopAndStartAlone stops and starts each component while the others
// run, and has the controllers do work after each.
func TestComponentsStopAndStartAlone(t *testing.T) {
	p := newPlane(t)
	p.start()
	ctx := bounded(t)
	for _, c := range []component.Component{p.Scheduler, p.ControllerManager, p.Etcd, p.APIServer, p.Scheduler, p.ControllerManager, p.APIServer} {
		begin := time.Now()
		if err := c.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		stopped := time.Now()
		if err := c.Health(ctx); err == nil {
			t.Errorf("%s calls itself healthy after it was stopped", c.Name())
		}
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: stopped in %v, ready %v later", c.Name(), stopped.Sub(begin), time.Since(stopped))
	}
	namespace, err := p.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "after-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.waitForServiceAccount(namespace.Name)
	for _, c := range p.Components() {
		if err := c.Health(ctx); err != nil {
			t.Errorf("health of %s: %v", c.Name(), err)
		}
	}
	t.Run("anonymous", func(t *testing.T) { checkAnonymous(t, p) })
	t.Run("policy", func(t *testing.T) { checkPolicy(t, p) })
}

// checkAnonymous proves that without a certificate nothing but health is answered.
func checkAnonymous(t *testing.T, p *plane) {
	anonymous := kubernetes.NewForConfigOrDie(&rest.Config{
		Host:            p.config.Server,
		TLSClientConfig: rest.TLSClientConfig{CAData: p.config.PKI.CA.PEM()},
	})
	if _, err := anonymous.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("anonymous list of pods: error = %v, want Unauthorized", err)
	}
	if _, err := anonymous.ServerVersion(); !apierrors.IsUnauthorized(err) {
		t.Errorf("anonymous version: error = %v, want Unauthorized", err)
	}
}

// checkPolicy proves that the seeded policy is the one that the API server itself
// would have written: its reconciliation, which ran before readyz, updated nothing.
func checkPolicy(t *testing.T, p *plane) {
	ctx := bounded(t)
	roles, err := p.client.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/bootstrapping=rbac-defaults"})
	if err != nil {
		t.Fatal(err)
	}
	if len(roles.Items) < 60 {
		t.Errorf("%d cluster roles, want upstream's 60 or more", len(roles.Items))
	}
	for _, role := range roles.Items {
		for _, entry := range role.ManagedFields {
			if entry.Manager == "kube-apiserver" {
				t.Errorf("the API server had to mend the seeded cluster role %s", role.Name)
			}
		}
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
