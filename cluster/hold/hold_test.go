package hold

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

const long = time.Hour

func binding(name string) Request {
	return Request{User: "system:kube-scheduler", Agent: "kubarium/v1 (linux/amd64) scheduler", Verb: "create", Resource: "pods", Subresource: "binding", Namespace: "default", Name: name}
}

// send has a request wait; what came of it comes out of the channel.
func send(ctx context.Context, m *Manager, q Request, limit time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() { done <- m.Wait(ctx, q, limit) }()
	return done
}

// await waits until n requests wait.
func await(t *testing.T, m *Manager, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for state := range m.Watch(ctx) {
		if len(state.Waiting) == n {
			return
		}
	}
	t.Fatalf("waiting: %+v, want %d", m.State().Waiting, n)
}

func mustHold(t *testing.T, m *Manager, r Rule) {
	t.Helper()
	if err := m.Hold(r); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsGoInTheOrderInWhichTheyCame(t *testing.T) {
	m := NewManager()
	mustHold(t, m, Rule{Name: "bindings"})
	var done []<-chan error
	for i, name := range []string{"a", "b", "c"} {
		done = append(done, send(t.Context(), m, binding(name), long))
		await(t, m, i+1)
	}
	passed, err := m.Step("", 1)
	if err != nil || len(passed) != 1 || passed[0].Name != "a" {
		t.Fatalf("first step: %+v, %v", passed, err)
	}
	if err := <-done[0]; err != nil {
		t.Error(err)
	}
	await(t, m, 2)
	if passed, err = m.Release("bindings"); err != nil || len(passed) != 2 {
		t.Fatalf("release: %+v, %v", passed, err)
	}
	for _, d := range done[1:] {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	if state := m.State(); state.Passed != 3 || len(state.Waiting) != 0 || m.Active() {
		t.Errorf("afterwards: %+v", state)
	}
	if err := m.Wait(t.Context(), binding("d"), long); err != nil {
		t.Errorf("without a rule: %v", err)
	}
}

func TestARequestWaitsNoLongerThanItMay(t *testing.T) {
	m := NewManager()
	mustHold(t, m, Rule{Name: "bindings"})
	if err := <-send(t.Context(), m, binding("a"), time.Millisecond); !errors.Is(err, ErrComeAgain) {
		t.Errorf("its time is over: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := send(ctx, m, binding("b"), long)
	await(t, m, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("its client is gone: %v", err)
	}
	if state := m.State(); state.Returned != 1 || state.Gone != 1 || len(state.Waiting) != 0 {
		t.Errorf("afterwards: %+v", state)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	m := NewManager()
	mustHold(t, m, Rule{Name: "bindings"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range maxWaiting {
		send(ctx, m, binding("a"), long)
	}
	await(t, m, maxWaiting)
	if err := m.Wait(t.Context(), binding("one too many"), long); !errors.Is(err, ErrComeAgain) {
		t.Errorf("one too many: %v", err)
	}
}

func TestARateLetsRequestsThroughByItself(t *testing.T) {
	m := NewManager()
	mustHold(t, m, Rule{Name: "bindings", Rate: 0.5})
	first, second := send(t.Context(), m, binding("a"), long), send(t.Context(), m, binding("b"), long)
	for _, d := range []<-chan error{first, second} {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	if state := m.State(); state.Passed != 2 {
		t.Errorf("afterwards: %+v", state)
	}
}

func TestRules(t *testing.T) {
	scheduler := binding("a")
	controller := Request{User: "system:serviceaccount:kube-system:replicaset-controller", Agent: "kubarium/v1.37.1 (linux/amd64) kubernetes/unknown/system:serviceaccount:kube-system:replicaset-controller", Verb: "create", Resource: "pods", Namespace: "shop"}
	kubelet := Request{User: "system:node:node-1", Agent: "kubelet/v1.37.1", Verb: "patch", Resource: "pods", Subresource: "status", Namespace: "shop"}
	person := Request{User: "kubernetes-admin", Agent: "kubectl/v1.37.1 (linux/amd64)", Verb: "delete", Group: "apps", Resource: "deployments", Namespace: "shop"}
	all := map[string]Request{"scheduler": scheduler, "controller": controller, "kubelet": kubelet, "person": person}
	for name, want := range map[string][]string{
		"bindings":                {"scheduler"},
		"pod-creations":           {"controller"},
		"status-updates":          {"kubelet"},
		"deletions":               {"person"},
		"writes":                  {"controller", "kubelet", "person", "scheduler"},
		"kube-scheduler":          {"scheduler"},
		"replicaset-controller":   {"controller"},
		"kube-controller-manager": {"controller"},
		"node-1":                  {"kubelet"},
		"kubelet":                 {"kubelet"},
		"kubectl":                 {"person"},
		"kubernetes-admin":        {"person"},
		"node-2":                  nil,
	} {
		var got []string
		for who, q := range all {
			if (Rule{Name: name}).Matches(q) {
				got = append(got, who)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", name, got, want)
		}
	}
	if (Rule{Name: "writes", Namespace: "other"}).Matches(person) {
		t.Error("a rule for another namespace holds it")
	}
}

func TestWhatKeepsTheClusterAliveNeverWaits(t *testing.T) {
	for _, q := range []Request{
		{Verb: "update", Group: "coordination.k8s.io", Resource: "leases"},
		{Verb: "patch", Resource: "nodes", Subresource: "status"},
		{Verb: "create", Resource: "events"},
		{Verb: "patch", Group: "events.k8s.io", Resource: "events"},
		{Verb: "create", Resource: "serviceaccounts", Subresource: "token"},
		{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
		{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"},
		{Verb: "update", Resource: "configmaps", User: "system:apiserver"},
		{Verb: "get", Resource: "pods"},
		{Verb: "list", Resource: "pods"},
		{Verb: "watch", Resource: "pods"},
	} {
		if (Rule{Name: "writes"}).Matches(q) {
			t.Errorf("%+v waits", q)
		}
	}
}

func TestHoldRefusesWhatIsNoRule(t *testing.T) {
	m := NewManager()
	m.Know(func(who string) error { return errors.New("nobody is called " + who) })
	for _, r := range []Rule{{}, {Name: "scheduler"}, {Name: "two words"}, {Name: "writes", Rate: 2}, {Name: "writes", Rate: -1}} {
		if err := m.Hold(r); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	if _, err := m.Step("", 1); err == nil {
		t.Error("a step where nothing is held")
	}
	mustHold(t, m, Rule{Name: "writes"})
	if err := m.Hold(Rule{Name: "writes"}); err == nil {
		t.Error("a rule was taken twice")
	}
	if _, err := m.Release("bindings"); err == nil || !strings.Contains(err.Error(), "writes") {
		t.Errorf("release of what is not held: %v", err)
	}
	for text, want := range map[string]float64{"1/10": 0.1, "0.25": 0.25, "1": 1, "2": 0, "1/0": 0, "x": 0, "-1/2": 0} {
		if got, err := ParseRate(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("rate %s is %g, %v", text, got, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	pod := Request{Verb: "create", Resource: "pods"}
	bound := &corev1.Binding{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Binding"}, ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Target: corev1.ObjectReference{Name: "node-2"}}
	binary, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), bound)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		q    Request
		body string
		want string
	}{
		{binding("web-1"), string(binary), "bind web-1 to node-2"},
		{pod, `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-"},"spec":{"containers":[{"image":"web:1"}]}}`, "create pods web-* of image web:1"},
		{Request{Verb: "update", Group: "apps", Resource: "deployments", Name: "web"}, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":3}}`, "update deployments web: 3 replicas"},
		{Request{Verb: "create", Group: "example.com", Resource: "robots"}, `{"apiVersion":"example.com/v1","kind":"Robot","metadata":{"name":"r2"}}`, "create robots r2"},
		{Request{Verb: "patch", Resource: "pods", Subresource: "status", Name: "web"}, `{ "status": {"phase": "Running"}}`, `patch pods/status web: {"status":{"phase":"Running"}}`},
		{Request{Verb: "patch", Resource: "secrets", Name: "key"}, `{"stringData":{"word":"hidden"}}`, "patch secrets key"},
		{Request{Verb: "delete", Resource: "pods", Name: "web"}, ``, "delete pods web"},
		{Request{Verb: "create", Resource: "pods", Name: "web"}, `{`, "create pods web"},
	} {
		if got := Describe(test.q, []byte(test.body)); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
