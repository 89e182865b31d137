package follow

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

var quiet = slog.New(slog.DiscardHandler)

// eventually polls, since what is watched arrives when it does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// run runs f until the test ends, and waits for its end.
func run(t *testing.T, factory informers.SharedInformerFactory, f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	factory.Start(ctx.Done())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		factory.Shutdown()
	})
}

func node(name, pods, ip string, ready bool) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if pods != "" {
		n.Spec.PodCIDR, n.Spec.PodCIDRs = pods, []string{pods}
	}
	if ip != "" {
		n.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: name}, {Type: corev1.NodeInternalIP, Address: ip},
		}
	}
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}
	return n
}

// fakeRouter fails now and then, and counts its changes.
type fakeRouter struct {
	mu       sync.Mutex
	routes   map[netip.Prefix]netip.Addr
	failures int
	changes  int
}

func (r *fakeRouter) SetRoute(p netip.Prefix, via netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures > 0 {
		r.failures--
		return errors.New("out of order")
	}
	r.changes++
	r.routes[p] = via
	return nil
}

func (r *fakeRouter) DeleteRoute(p netip.Prefix) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	delete(r.routes, p)
	return nil
}

func (r *fakeRouter) Routes() (map[netip.Prefix]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.routes), nil
}

func (r *fakeRouter) has(want map[string]string) func() bool {
	return func() bool {
		have, _ := r.Routes()
		if len(have) != len(want) {
			return false
		}
		for p, ip := range want {
			if have[netip.MustParsePrefix(p)].String() != ip {
				return false
			}
		}
		return true
	}
}

func TestRoutesFollowNodes(t *testing.T) {
	client := fake.NewClientset(
		node("node-1", "10.244.0.0/24", "10.89.0.11", true),
		node("node-2", "10.244.1.0/24", "10.89.0.12", false),
		node("node-3", "", "10.89.0.13", true),
	)
	nodes := client.CoreV1().Nodes()
	// One route is left of a node that went while nobody looked, one is right.
	router := &fakeRouter{failures: 1, routes: map[netip.Prefix]netip.Addr{
		netip.MustParsePrefix("10.244.9.0/24"): netip.MustParseAddr("10.89.0.19"),
		netip.MustParsePrefix("10.244.0.0/24"): netip.MustParseAddr("10.89.0.11"),
	}}
	factory := informers.NewSharedInformerFactory(client, 0)
	r, err := NewRoutes(factory, router, quiet)
	if err != nil {
		t.Fatal(err)
	}
	run(t, factory, r.Run)
	eventually(t, "routes of what is there, after one failure", router.has(map[string]string{
		"10.244.0.0/24": "10.89.0.11", "10.244.1.0/24": "10.89.0.12",
	}))
	router.mu.Lock()
	if router.changes != 2 {
		t.Errorf("%d changes where 2 were needed", router.changes)
	}
	router.mu.Unlock()

	update := func(n *corev1.Node) {
		if _, err := nodes.Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	update(node("node-3", "10.244.2.0/24", "10.89.0.13", true))
	update(node("node-2", "10.244.1.0/24", "10.89.0.22", false))
	if err := nodes.Delete(t.Context(), "node-1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "routes after changes", router.has(map[string]string{
		"10.244.1.0/24": "10.89.0.22", "10.244.2.0/24": "10.89.0.13",
	}))
}
