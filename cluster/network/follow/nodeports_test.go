package follow

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

// fakeLab has nodes that answer with their address, or not at all.
type fakeLab struct {
	mu   sync.Mutex
	dead map[string]bool
}

func (l *fakeLab) kill(ip string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead[ip] = true
}

func (l *fakeLab) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	dead := l.dead[host]
	l.mu.Unlock()
	if dead {
		<-ctx.Done() // as a machine without power
		return nil, ctx.Err()
	}
	server, client := net.Pipe()
	go func() {
		defer server.Close()
		if network == "udp" {
			if _, err := server.Read(make([]byte, 64)); err != nil {
				return
			}
		}
		_, _ = io.WriteString(server, network+" "+host+" "+port)
	}()
	return client, nil
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func service(name string, kind corev1.ServiceType, protocol corev1.Protocol, port uint16) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: corev1.ServiceSpec{Type: kind, Ports: []corev1.ServicePort{
			{Protocol: protocol, Port: 80, NodePort: int32(port)},
		}},
	}
}

func read(network string, port uint16) (string, error) {
	c, err := net.Dial(network, local(port))
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if network == "udp" {
		if _, err := io.WriteString(c, "hello"); err != nil {
			return "", err
		}
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func local(port uint16) string {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()
}

// startNodePorts serves node ports of a fake cluster; reports come in order.
func startNodePorts(t *testing.T, lab Dialer, client kubernetes.Interface) (*NodePorts, func() []PortEvent) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	var reports []PortEvent
	factory := informers.NewSharedInformerFactory(client, 0)
	p, err := NewNodePorts(factory, NodePortsConfig{
		Host: netip.MustParseAddr("127.0.0.1"), Lab: lab, Log: quiet,
		Report: func(e PortEvent) { mu.Lock(); reports = append(reports, e); mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, factory, p.Run)
	return p, func() []PortEvent { mu.Lock(); defer mu.Unlock(); return append([]PortEvent(nil), reports...) }
}

func TestNodePortsFollowServices(t *testing.T) {
	tcp, udp, balanced, inside := freePort(t), freePort(t), freePort(t), freePort(t)
	client := fake.NewClientset(
		node("node-1", "", "10.89.0.11", true),
		service("web", corev1.ServiceTypeNodePort, corev1.ProtocolTCP, tcp),
		service("dns", corev1.ServiceTypeNodePort, corev1.ProtocolUDP, udp),
		service("inside", corev1.ServiceTypeClusterIP, corev1.ProtocolTCP, inside),
	)
	services := client.CoreV1().Services("default")
	_, reports := startNodePorts(t, &fakeLab{}, client)
	eventually(t, "both ports reported", func() bool { return len(reports()) == 2 })
	for network, port := range map[string]uint16{"tcp": tcp, "udp": udp} {
		want := network + " 10.89.0.11 " + strconv.Itoa(int(port))
		if got, err := read(network, port); err != nil || got != want {
			t.Errorf("read %q, want %q: %v", got, want, err)
		}
	}
	if got, err := read("tcp", inside); err == nil {
		t.Errorf("a ClusterIP service is reached: %q", got)
	}

	if _, err := services.Create(t.Context(), service("lb", corev1.ServiceTypeLoadBalancer, corev1.ProtocolTCP, balanced), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new service is reached", func() bool { _, err := read("tcp", balanced); return err == nil })
	if err := services.Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a deleted service is not reached", func() bool { _, err := read("tcp", tcp); return errors.Is(err, syscall.ECONNREFUSED) })
	for _, e := range reports() {
		if e.Err != nil {
			t.Errorf("report %+v", e)
		}
	}
}

func TestNodePortsLeaveADeadNode(t *testing.T) {
	port := freePort(t)
	client := fake.NewClientset(
		node("node-0", "", "10.89.0.10", false),
		node("node-1", "", "10.89.0.11", true),
		node("node-2", "", "10.89.0.12", true),
		service("web", corev1.ServiceTypeNodePort, corev1.ProtocolTCP, port),
	)
	lab := &fakeLab{dead: map[string]bool{}}
	_, reports := startNodePorts(t, lab, client)
	eventually(t, "port reported", func() bool { return len(reports()) == 1 })
	if got, _ := read("tcp", port); got != "tcp 10.89.0.11 "+strconv.Itoa(int(port)) {
		t.Errorf("first the ready nodes by name, got %q", got)
	}
	// Its Node object says Ready for some time yet.
	lab.kill("10.89.0.11")
	for range 2 {
		if got, err := read("tcp", port); got != "tcp 10.89.0.12 "+strconv.Itoa(int(port)) {
			t.Errorf("with a dead node: %q, %v", got, err)
		}
	}
	lab.kill("10.89.0.12")
	if got, _ := read("tcp", port); got != "tcp 10.89.0.10 "+strconv.Itoa(int(port)) {
		t.Errorf("a node that is not ready is better than none, got %q", got)
	}
}

func TestNodePortTakenOnTheHost(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := uint16(taken.Addr().(*net.TCPAddr).Port)
	client := fake.NewClientset(
		node("node-1", "", "10.89.0.11", true),
		service("web", corev1.ServiceTypeNodePort, corev1.ProtocolTCP, port),
	)
	p, reports := startNodePorts(t, &fakeLab{}, client)
	eventually(t, "the conflict reported", func() bool { return len(reports()) == 1 })
	e := reports()[0]
	if !errors.Is(e.Err, syscall.EADDRINUSE) || e.Service.Name != "web" || e.Port.Number != port {
		t.Errorf("report %+v", e)
	}
	if blocked := p.Blocked(); len(blocked) != 1 || blocked[0].Port.Number != port {
		t.Errorf("blocked %+v", blocked)
	}
	taken.Close()
	eventually(t, "the freed port taken over", func() bool { return len(reports()) == 2 && reports()[1].Err == nil })
	if got, err := read("tcp", port); err != nil {
		t.Errorf("read %q: %v", got, err)
	}
	if len(p.Blocked()) != 0 {
		t.Error("still blocked")
	}
}
