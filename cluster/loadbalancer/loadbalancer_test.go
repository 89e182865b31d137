package loadbalancer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

// fakeLab answers each connection with the node it came by and the address it is for.
type fakeLab struct {
	mu     sync.Mutex
	routes map[netip.Addr][]netip.Addr
}

func (l *fakeLab) SetAddress(address netip.Addr, nodes []netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.routes, address)
	if len(nodes) > 0 {
		l.routes[address] = slices.Clone(nodes)
	}
	return nil
}

func (l *fakeLab) routed(address string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.routes[netip.MustParseAddr(address)])
}

func (l *fakeLab) DialVia(_ context.Context, node netip.Addr, network, address string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		fmt.Fprintf(theirs, "%s by %s", address, node)
	}()
	return ours, nil
}

// cloudTest is a cloud and its manager, with a fake API server.
type cloudTest struct {
	*testing.T
	lab     *fakeLab
	client  kubernetes.Interface
	cloud   *Cloud
	manager *Manager
}

func startCloud(t *testing.T, pool string, objects ...*corev1.Service) *cloudTest {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before, goleak.IgnoreAnyFunction("k8s.io/klog/v2.(*flushDaemon).run.func1")); err != nil {
			t.Error(err)
		}
	})
	client := fake.NewClientset(node("node-1", "10.89.0.11"), node("node-2", "10.89.0.12"))
	for _, o := range objects {
		if _, err := client.CoreV1().Services("default").Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c := &cloudTest{T: t, lab: &fakeLab{routes: map[netip.Addr][]netip.Addr{}}, client: client}
	ctx, cancel := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(client, 0)
	var err error
	c.cloud, err = NewCloud(ctx, factory, CloudConfig{
		Pool: netip.MustParsePrefix(pool), Host: netip.MustParseAddr("127.0.0.1"), Lab: c.lab, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	var running sync.WaitGroup
	running.Go(c.cloud.Run)
	c.manager = NewManager(client, c.cloud)
	t.Cleanup(func() {
		c.stop()
		cancel()
		running.Wait()
		factory.Shutdown()
	})
	c.start()
	return c
}

func (c *cloudTest) start() {
	c.Helper()
	if err := c.manager.Start(c.Context()); err != nil {
		c.Fatal(err)
	}
	if err := c.manager.Ready(c.Context()); err != nil {
		c.Fatal(err)
	}
}

func (c *cloudTest) stop() {
	c.Helper()
	if err := c.manager.Stop(context.Background()); err != nil {
		c.Error(err)
	}
}

func node(name, ip string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
		Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip}},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
	}}
}

func balanced(name string, number int32) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolTCP, Port: number}}},
	}
}

func (c *cloudTest) create(s *corev1.Service) {
	c.Helper()
	if _, err := c.client.CoreV1().Services("default").Create(c.Context(), s, metav1.CreateOptions{}); err != nil {
		c.Fatal(err)
	}
}

func (c *cloudTest) get(name string) *corev1.Service {
	c.Helper()
	s, err := c.client.CoreV1().Services("default").Get(c.Context(), name, metav1.GetOptions{})
	if err != nil {
		c.Fatal(err)
	}
	return s
}

// change updates a service as a user does.
func (c *cloudTest) change(name string, f func(*corev1.Service)) {
	c.Helper()
	s := c.get(name)
	f(s)
	if _, err := c.client.CoreV1().Services("default").Update(c.Context(), s, metav1.UpdateOptions{}); err != nil {
		c.Fatal(err)
	}
}

func (c *cloudTest) eventually(what string, ok func() bool) {
	c.Helper()
	for range 4000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.Fatalf("never: %s", what)
}

// address waits for the service's address, "" for none, and returns where on the host
// it is.
func (c *cloudTest) address(name, want string) string {
	c.Helper()
	var host string
	c.eventually(name+" has the address "+want, func() bool {
		s := c.get(name)
		host = s.Annotations[HostAnnotation]
		var got string
		if len(s.Status.LoadBalancer.Ingress) > 0 {
			got = s.Status.LoadBalancer.Ingress[0].IP
		}
		return got == want && (want == "") == (host == "")
	})
	return host
}

func ask(host string) (string, error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	data, err := io.ReadAll(c)
	return string(data), err
}

// answers are the different answers to twenty connections.
func (c *cloudTest) answers(host string) []string {
	c.Helper()
	seen := map[string]bool{}
	for range 20 {
		answer, err := ask(host)
		if err != nil {
			c.Fatal(err)
		}
		seen[answer] = true
	}
	var list []string
	for a := range seen {
		list = append(list, a)
	}
	slices.Sort(list)
	return list
}

// freePort is a port that nothing has.
func freePort(t *testing.T) int32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return int32(l.Addr().(*net.TCPAddr).Port)
}

func TestServiceGetsAnAddress(t *testing.T) {
	c := startCloud(t, "10.89.1.0/29")
	number := freePort(t)
	c.create(balanced("web", number))
	host := c.address("web", "10.89.1.1")
	if want := fmt.Sprintf("127.0.0.1:%d", number); host != want {
		t.Errorf("on the host at %s, want %s", host, want)
	}
	both := []string{fmt.Sprintf("10.89.1.1:%d by 10.89.0.11", number), fmt.Sprintf("10.89.1.1:%d by 10.89.0.12", number)}
	if got := c.answers(host); !slices.Equal(got, both) {
		t.Errorf("answers %q, want %q", got, both)
	}
	if n := c.lab.routed("10.89.1.1"); n != 2 {
		t.Errorf("the address is routed to %d nodes, want 2", n)
	}
	c.change("web", func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP })
	c.eventually("sticky services have one node", func() bool { return c.lab.routed("10.89.1.1") == 1 })
	if got := c.answers(host); len(got) != 1 {
		t.Errorf("with session affinity there are %d answers: %q", len(got), got)
	}
	c.change("web", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
	c.address("web", "")
	if _, err := ask(host); err == nil {
		t.Error("a service that is balanced no more is reached")
	}
	c.eventually("finalizer and route are gone", func() bool {
		return len(c.get("web").Finalizers) == 0 && c.lab.routed("10.89.1.1") == 0
	})
}

func TestLocalPolicyLeadsToEndpoints(t *testing.T) {
	c := startCloud(t, "10.89.1.0/29")
	s := balanced("web", freePort(t))
	s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	c.create(s)
	host := c.address("web", "10.89.1.1")
	if _, err := ask(host); err == nil {
		t.Error("without an endpoint somebody answers")
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.244.1.2"}, NodeName: ptr.To("node-2")},
			{Addresses: []string{"10.244.0.2"}, NodeName: ptr.To("node-1"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}},
		},
	}
	if _, err := c.client.DiscoveryV1().EndpointSlices("default").Create(t.Context(), slice, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.eventually("the node with the endpoint is routed to", func() bool { return c.lab.routed("10.89.1.1") == 1 })
	if got := c.answers(host); len(got) != 1 || !strings.HasSuffix(got[0], "by 10.89.0.12") {
		t.Errorf("answers %q, want those of node-2 alone", got)
	}
}

func TestPoolRunsOut(t *testing.T) {
	c := startCloud(t, "10.89.1.0/30")
	for i, name := range []string{"one", "two"} {
		c.create(balanced(name, freePort(t)))
		c.address(name, fmt.Sprintf("10.89.1.%d", i+1))
	}
	c.create(balanced("three", freePort(t)))
	c.eventually("an event tells that the pool is empty", func() bool {
		list, err := c.client.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Items, func(e corev1.Event) bool {
			return e.InvolvedObject.Name == "three" && e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, "no address is left")
		})
	})
	c.change("one", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })
	c.eventually("the address is free again", func() bool { return c.lab.routed("10.89.1.1") == 0 })
	// Its next attempt comes by itself, later than a test should wait.
	c.change("three", func(s *corev1.Service) { s.Annotations = map[string]string{"try": "again"} })
	c.address("three", "10.89.1.1")
}

func TestTakenPortMoves(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	number := int32(taken.Addr().(*net.TCPAddr).Port)
	c := startCloud(t, "10.89.1.0/29")
	c.create(balanced("web", number))
	host := c.address("web", "10.89.1.1")
	if strings.HasSuffix(host, fmt.Sprintf(":%d", number)) {
		t.Fatalf("the service is at %s, where something else is", host)
	}
	if got, err := ask(host); err != nil || !strings.HasPrefix(got, fmt.Sprintf("10.89.1.1:%d ", number)) {
		t.Errorf("answer %q, %v", got, err)
	}
}

func TestAddressesOutliveTheManager(t *testing.T) {
	c := startCloud(t, "10.89.1.0/29")
	for i, name := range []string{"one", "two"} {
		c.create(balanced(name, freePort(t)))
		c.address(name, fmt.Sprintf("10.89.1.%d", i+1))
	}
	host := c.address("two", "10.89.1.2")
	c.stop()
	if _, err := ask(host); err != nil {
		t.Errorf("without its manager the load balancer is dead: %v", err)
	}
	c.start()
	c.address("two", "10.89.1.2")

	c.stop()
	// A new run of everything knows but the objects.
	two := c.get("two")
	two.ResourceVersion = ""
	again := startCloud(t, "10.89.1.0/29", two)
	again.create(balanced("new", freePort(t)))
	again.address("new", "10.89.1.1")
	again.address("two", "10.89.1.2")
}

func TestPoolGivesWhatIsWanted(t *testing.T) {
	p := newPool(netip.MustParsePrefix("10.89.1.0/29"))
	if a, err := p.assign("one", "10.89.1.4"); err != nil || a.String() != "10.89.1.4" {
		t.Errorf("assigned %s, %v", a, err)
	}
	for _, wanted := range []string{"10.89.1.4", "10.89.1.0", "10.89.1.7", "10.89.2.1", "nonsense"} {
		if a, err := p.assign("two", wanted); err == nil {
			t.Errorf("%s is given away as %s", wanted, a)
		}
	}
	if a, err := p.assign("one", "10.89.1.5"); err != nil || a.String() != "10.89.1.5" {
		t.Errorf("another address: %s, %v", a, err)
	}
	if !p.adopt(netip.MustParseAddr("10.89.1.4"), "two") {
		t.Error("an address that was given up is not free")
	}
	if _, err := p.assign("one", ""); err != nil {
		t.Error(errors.New("who has an address keeps it"))
	}
}
