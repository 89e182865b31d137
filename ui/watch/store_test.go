package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"kubarium/ui/facts"
)

// inbox keeps what a store sends.
type inbox struct {
	mu   sync.Mutex
	msgs []tea.Msg
	hold chan struct{} // if not nil, send waits for it
}

func (i *inbox) send(msg tea.Msg) {
	if i.hold != nil {
		<-i.hold
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.msgs = append(i.msgs, msg)
}

func (i *inbox) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.msgs)
}

// last is the last snapshot; an empty one if there is none.
func (i *inbox) last() *Snapshot {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := len(i.msgs) - 1; n >= 0; n-- {
		if s, ok := i.msgs[n].(SnapshotMsg); ok {
			return s.Snapshot
		}
	}
	return &Snapshot{}
}

func (i *inbox) has(want func(tea.Msg) bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, m := range i.msgs {
		if want(m) {
			return true
		}
	}
	return false
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

// run runs a store until the test ends.
func run(t *testing.T, s *Store, i *inbox) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, i.send)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the store does not end")
		}
	})
}

func pod(name string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	p.Spec.NodeName = "node-1"
	p.Spec.Containers = []corev1.Container{{Name: "c"}}
	return p
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func create(t *testing.T, c kubernetes.Interface, p *corev1.Pod) {
	t.Helper()
	if _, err := c.CoreV1().Pods(p.Namespace).Create(context.Background(), p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotsFollowTheCluster(t *testing.T) {
	client := fake.NewClientset(node("node-10"), node("node-2"), node("node-1"), pod("b"), pod("a"))
	in := &inbox{}
	run(t, &Store{Client: client, Window: time.Millisecond}, in)

	until(t, "the first snapshot has all", func() bool { return len(in.last().Pods) == 2 && len(in.last().Nodes) == 3 })
	s := in.last()
	if s.Pods[0].Object.Name != "a" || s.Nodes[1].Object.Name != "node-2" || s.Nodes[2].Object.Name != "node-10" {
		t.Errorf("not in order: %s %s", s.Pods[0].Object.Name, s.Nodes[1].Object.Name)
	}
	if s.Pods[0].Object.ManagedFields != nil {
		t.Error("managed fields were kept")
	}
	if len(s.Nodes[0].Pods) != 2 {
		t.Errorf("node-1 has %d pods", len(s.Nodes[0].Pods))
	}

	create(t, client, pod("c"))
	until(t, "a new pod is seen", func() bool { return in.last().Pod("default", "c") != nil })
	counted := 0
	for _, n := range in.last().States {
		counted += n
	}
	if counted != 3 {
		t.Errorf("%d of 3 pods are counted", counted)
	}
	if err := client.CoreV1().Pods("default").Delete(context.Background(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "a deleted pod is gone", func() bool { return in.last().Pod("default", "a") == nil })
	if len(s.Pods) != 2 || s.Pods[0].Object.Name != "a" {
		t.Error("a snapshot that was sent has changed")
	}
}

// TestEmptyNamespacesAreThere: a namespace need not hold anything, unless nobody may list them.
func TestEmptyNamespacesAreThere(t *testing.T) {
	for namespace, want := range map[string]string{"": "[default team-a]", "default": "[default]"} {
		client := fake.NewClientset(pod("a"))
		in := &inbox{}
		run(t, &Store{Client: client, Namespace: namespace, Window: time.Millisecond}, in)
		until(t, "the first snapshot has all", func() bool { return len(in.last().Pods) == 1 })
		empty := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}
		if _, err := client.CoreV1().Namespaces().Create(context.Background(), empty, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		create(t, client, pod("b"))
		until(t, "the namespaces are "+want, func() bool { return len(in.last().Pods) == 2 && fmt.Sprint(in.last().Namespaces) == want })
		if err := client.CoreV1().Namespaces().Delete(context.Background(), "team-a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		until(t, "it is gone", func() bool { return fmt.Sprint(in.last().Namespaces) == "[default]" })
	}
}

// TestBurstIsCoalesced makes many changes while nobody takes snapshots: few are
// sent then, and the last has all of them.
func TestBurstIsCoalesced(t *testing.T) {
	const changes = 300
	client := fake.NewClientset()
	in := &inbox{hold: make(chan struct{})}
	run(t, &Store{Client: client, Window: 20 * time.Millisecond}, in)
	in.hold <- struct{}{}
	until(t, "the first snapshot came", func() bool { return in.count() == 1 })
	for i := range changes {
		create(t, client, pod(fmt.Sprintf("p%03d", i)))
	}
	close(in.hold)
	until(t, "the last snapshot has all", func() bool { return len(in.last().Pods) == changes })
	if n := in.count(); n > changes/10 {
		t.Errorf("%d messages for %d changes", n, changes)
	}
}

func TestServerGoesAwayAndComesBack(t *testing.T) {
	client := fake.NewClientset(pod("a"))
	health := NewHealth()
	var mu sync.Mutex
	var away error
	ask := func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		return away
	}
	set := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		away = err
	}
	in := &inbox{}
	run(t, &Store{Client: client, Health: health, Ask: ask, Window: time.Millisecond, Retry: time.Millisecond}, in)
	until(t, "the first snapshot came", func() bool { return len(in.last().Pods) == 1 })

	down := func(m tea.Msg) bool { _, ok := m.(DownMsg); return ok }
	up := func(m tea.Msg) bool { _, ok := m.(UpMsg); return ok }
	health.fail(errors.New("one request was lost"))
	create(t, client, pod("b"))
	until(t, "life goes on", func() bool { return len(in.last().Pods) == 2 })
	if in.has(down) {
		t.Fatal("one lost request is no outage")
	}

	set(errors.New("connection refused"))
	health.fail(errors.New("connection refused"))
	until(t, "the outage is told", func() bool { return in.has(down) })
	create(t, client, pod("c"))
	if in.has(up) || len(in.last().Pods) != 2 {
		t.Fatal("told something while the server was away")
	}
	set(nil)
	until(t, "the return is told", func() bool { return in.has(up) })
	until(t, "what happened meanwhile is seen", func() bool { return len(in.last().Pods) == 3 })
}

func TestHealthSeesRequestsWithoutAnswer(t *testing.T) {
	h := NewHealth()
	config := h.Config(&rest.Config{Host: "http://127.0.0.1:1"})
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err == nil {
		t.Fatal("somebody answers at port 1")
	}
	select {
	case <-h.failed:
	default:
		t.Fatal("the failure was not seen")
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
	o := observer{next: http.DefaultTransport, health: h}
	if _, err := o.RoundTrip(req); err == nil {
		t.Fatal("somebody answers at port 1")
	}
	select {
	case <-h.failed:
		t.Fatal("a request that was given up is no failure of the server")
	default:
	}
}

func TestEventsAreBounded(t *testing.T) {
	s := newEventStore(func() {})
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 5 * keptEvents {
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i))}}
		e.LastTimestamp = metav1.NewTime(at.Add(time.Duration(i) * time.Second))
		if err := s.Add(e); err != nil {
			t.Fatal(err)
		}
		if len(s.events) > 2*keptEvents {
			t.Fatalf("%d events are kept", len(s.events))
		}
	}
	list := s.list()
	if want := fmt.Sprint(5*keptEvents - 1); string(list[0].UID) != want {
		t.Errorf("the newest is %s, not %s", list[0].UID, want)
	}
}

func TestPullsAreToldByEvents(t *testing.T) {
	at := time.Date(2026, 11, 20, 22, 41, 0, 0, time.UTC)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	pod.Spec.NodeName = "node-1"
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	event := func(reason string, after time.Duration) *corev1.Event {
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: reason, UID: types.UID(reason)}, Reason: reason, LastTimestamp: metav1.NewTime(at.Add(after))}
		e.InvolvedObject = corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "web"}
		return e
	}
	for _, c := range []struct {
		events []runtime.Object
		want   facts.State
	}{
		{nil, facts.Creating},
		{[]runtime.Object{event("Pulling", 0)}, facts.Pulling},
		{[]runtime.Object{event("Pulling", 0), event("Scheduled", time.Second)}, facts.Pulling},
		{[]runtime.Object{event("Pulling", 0), event("Pulled", time.Second)}, facts.Creating},
	} {
		s := New(append([]runtime.Object{pod, node}, c.events...)...)
		if got := s.Pods[0].State; got != c.want {
			t.Errorf("after %d events the pod is %s, want %s", len(c.events), got, c.want)
		}
		if got := s.Nodes[0].Pods[0].State; got != c.want {
			t.Errorf("after %d events the node's pod is %s, want %s", len(c.events), got, c.want)
		}
	}
}
