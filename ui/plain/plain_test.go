package plain

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"kubarium/cluster/component"
	"kubarium/ui"
	"kubarium/ui/uitest"
	"kubarium/ui/watch"
)

func pod(name, node string, ready bool) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	p.Spec = corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "c"}}}
	p.Status.Phase = corev1.PodRunning
	if node == "" {
		p.Status.Phase = corev1.PodPending
		return p
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	if ready {
		p.Status.Conditions[0].Status = corev1.ConditionTrue
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", Ready: ready, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	return p
}

func deployment(name string, ready int32) *appsv1.Deployment {
	wanted := int32(3)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	d.Spec.Replicas, d.Status.ReadyReplicas = &wanted, ready
	return d
}

func TestChanges(t *testing.T) {
	warning := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{UID: "e", Name: "e"}, Type: "Warning", Reason: "BackOff", Message: "back-off\x1b[2J restarting",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "cart"},
	}
	for _, c := range []struct {
		before, after []runtime.Object
		want          string
	}{
		{nil, []runtime.Object{pod("web-1", "", false)}, "pod web-1 is new: pending"},
		{[]runtime.Object{pod("web-1", "", false)}, []runtime.Object{pod("web-1", "node-2", true)}, "pod web-1 on node-2: pending -> running"},
		{[]runtime.Object{pod("web-1", "node-2", true)}, []runtime.Object{pod("web-1", "node-2", false)}, "pod web-1 on node-2: running -> not ready (Running)"},
		{[]runtime.Object{pod("web-1", "node-2", true)}, nil, "pod web-1 on node-2 is gone"},
		{[]runtime.Object{pod("web-1", "node-2", true)}, []runtime.Object{pod("web-1", "node-2", true)}, ""},
		{[]runtime.Object{deployment("web", 1)}, []runtime.Object{deployment("web", 2)}, "deployment web: 2 of 3 ready"},
		{[]runtime.Object{deployment("web", 1)}, []runtime.Object{deployment("web", 1)}, ""},
		{[]runtime.Object{deployment("db", 3), deployment("web", 1)}, []runtime.Object{deployment("db", 3)}, "deployment web is gone"},
		{nil, []runtime.Object{warning}, "warning: pod shop/cart: BackOff: back-off restarting"},
	} {
		if got := strings.Join(Changes(watch.New(c.before...), watch.New(c.after...)), "\n"); got != c.want {
			t.Errorf("told %q, not %q", got, c.want)
		}
	}
}

// TestManyChanges: a cluster of thousands does not talk for minutes.
func TestManyChanges(t *testing.T) {
	var many []runtime.Object
	for i := range 100 {
		many = append(many, pod("p"+strings.Repeat("x", i), "node-1", true))
	}
	lines := Changes(watch.New(), watch.New(many...))
	if len(lines) != mostLines+1 || lines[mostLines] != "and 80 changes more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// output is what is printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) sees(t *testing.T, words ...string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		missing := ""
		for _, w := range words {
			if !strings.Contains(o.String(), w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			t.Fatalf("%q was not printed:\n%s", missing, o)
		}
	}
}

// TestSession goes through a session on a cluster that starts.
func TestSession(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := uitest.New(time.Now(), "")
	in, typing := io.Pipe()
	out, ended := &output{}, make(chan error, 1)
	go func() {
		ended <- Run(ctx, ui.Options{Cluster: c, Kubectl: uitest.Kubectl, NewClient: c.NewClient}, in, out)
	}()
	kind := func(line string) {
		if _, err := io.WriteString(typing, line+"\n"); err != nil {
			t.Error(err)
		}
	}
	out.sees(t, "Type a command, or help.\n> ")
	go c.Boot(ctx, 0.01)
	out.sees(t, "etcd: starting", "etcd: ready after", "node-1: ready", "node-2: ready", "node-3: ready", "3 nodes: node-1 Ready", "13 pods:")
	c.Set("node-2", component.Failed, "the machine went off")
	out.sees(t, "node-2: failed: the machine went off")
	kind("get nodes")
	out.sees(t, "NAME     STATUS")
	kind("fly")
	out.sees(t, `unknown command "fly"`, "ended with exit code 1\n> ")
	kind("status")
	out.sees(t, "node-2: failed\n", "pod too-big: pending")
	kind("events")
	out.sees(t, "warning: pod too-big: FailedScheduling")
	if strings.ContainsRune(out.String(), 0x1b) {
		t.Error("there are escape sequences in the output")
	}
	kind("quit")
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// TestHelpSaysWhatBecomesOfTheCluster: one that others run goes on.
func TestHelpSaysWhatBecomesOfTheCluster(t *testing.T) {
	for guest, want := range map[bool]string{true: "quit: leave, and the cluster goes on.", false: "quit: leave, and stop the cluster."} {
		out := &output{}
		s := &session{o: ui.Options{Guest: guest}, out: out, ask: make(chan struct{}, 1)}
		s.typed(t.Context(), "help")
		if !strings.Contains(out.String(), want) {
			t.Errorf("with Guest %t it says\n%s", guest, out)
		}
	}
}
