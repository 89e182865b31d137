package play

import (
	"context"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubarium/cluster/component"
	"kubarium/lessons"
)

const wantsText = `---
id: wants
title: Wants
minutes: 5
alone: true
cluster: {nodes: 2, clock: fast}
---

Look.

## Look

Look at it.

` + "```yaml step" + `
id: look
checks:
  - name: web was described
    mode: edge
    expr: looked("describe", "web")
    saw: [{say: No.}]
solve: ["kubectl describe pod web"]
` + "```" + `
`

// machineControl is a cluster whose machines can be commanded.
type machineControl struct {
	glassControl
	cluster *fakeCluster
	mu      *sync.Mutex
	ran     *[]string
	fast    *bool
}

func (c machineControl) note(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.ran = append(*c.ran, line)
}

func (c machineControl) Watch(ctx context.Context, f func(component.Info)) error {
	f(component.Info{Name: "node-1", State: component.Ready})
	<-ctx.Done()
	return nil
}

func (c machineControl) run(ctx context.Context, line string) (int, string, error) {
	nodes := c.cluster.client.Resource(core("nodes"))
	switch {
	case line == "kubarium clock -o json":
		if *c.fast {
			return 0, `{"fast":true}`, nil
		}
		return 0, `{"fast":false}`, nil
	case strings.HasPrefix(line, "kubarium clock "):
		*c.fast = strings.HasSuffix(line, "fast")
	case line == "kubarium node add":
		if _, err := nodes.Create(ctx, readyNode("node-2"), metav1.CreateOptions{}); err != nil {
			return 1, err.Error(), nil
		}
	case strings.HasPrefix(line, "kubarium node rm "):
		if err := nodes.Delete(ctx, strings.TrimPrefix(line, "kubarium node rm "), metav1.DeleteOptions{}); err != nil {
			return 1, err.Error(), nil
		}
	default:
		return c.cluster.run(ctx, line)
	}
	c.note(line)
	return 0, "", nil
}

func readyNode(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
	}}
}

func wanting(t *testing.T, control bool) (*exam, machineControl) {
	t.Helper()
	lesson, err := lessons.Parse("wants.md", []byte(wantsText), nil)
	must(t, err)
	e := &exam{t: t, cluster: newFakeCluster(t)}
	_, err = e.cluster.client.Resource(core("nodes")).Create(t.Context(), readyNode("node-1"), metav1.CreateOptions{})
	must(t, err)
	m := machineControl{cluster: e.cluster, mu: &sync.Mutex{}, ran: &[]string{}, fast: new(bool)}
	env := Env{Client: e.cluster.client, run: m.run}
	if control {
		env.Control = m
	}
	e.player, err = New(lesson, env)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.player.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return e, m
}

// TestTheClusterIsWhatTheLessonNeeds proves that missing nodes are added and the clock is
// set before the lesson, and that both are taken back after it.
func TestTheClusterIsWhatTheLessonNeeds(t *testing.T) {
	e, m := wanting(t, true)
	e.until(func(s Snapshot) bool { return s.Ready && s.Busy == "" && s.Notice == "" })
	if !*m.fast {
		t.Error("the clock is not fast")
	}
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Step == 0 })
	e.player.Command("kubectl describe pod web", 1, "error")
	if s := e.until(func(s Snapshot) bool { return s.Attempts == 1 }); s.StepDone {
		t.Error("a command that failed shows nothing")
	}
	// In the app, no command is typed.
	e.player.Looked(lessons.Look{View: "describe", Resource: "pods", Namespace: "default", Name: "web"})
	e.until(func(s Snapshot) bool { return s.StepDone })
	e.player.Next()
	e.until(func(s Snapshot) bool { return s.Finished && s.Busy == "" })
	m.mu.Lock()
	defer m.mu.Unlock()
	if got, want := strings.Join(*m.ran, "; "), "kubarium node add; kubarium clock fast; kubarium node rm node-2; kubarium clock normal"; got != want {
		t.Errorf("ran %s, not %s", got, want)
	}
}

func TestALessonSaysWhatTheClusterLacks(t *testing.T) {
	e, _ := wanting(t, false)
	s := e.until(func(s Snapshot) bool { return s.Notice != "" && s.Busy == "" })
	if want := "this lesson needs 2 nodes that are Ready, and the cluster has 1: add some"; !strings.Contains(s.Notice, want) {
		t.Errorf("it says %q, not %q", s.Notice, want)
	}
}

// TestANodeIsOpen proves that a node counts when pods go to it, or when somebody cordoned it; and not as long as a taint tells of what is over.
func TestANodeIsOpen(t *testing.T) {
	node := func(cordoned bool, keys ...string) map[string]any {
		var taints []any
		for _, key := range keys {
			taints = append(taints, map[string]any{"key": key, "effect": "NoSchedule"})
		}
		return map[string]any{"spec": map[string]any{"unschedulable": cordoned, "taints": taints}}
	}
	for _, test := range []struct {
		node map[string]any
		want bool
	}{
		{map[string]any{}, false},
		{node(false), false},
		{node(false, "team"), false},
		{node(true, "node.kubernetes.io/unschedulable"), false},
		{node(false, "node.kubernetes.io/unschedulable"), true},
		{node(false, "team", "node.kubernetes.io/not-ready"), true},
		{node(true, "node.kubernetes.io/unschedulable", "node.kubernetes.io/unreachable"), true},
	} {
		if got := closed(test.node); got != test.want {
			t.Errorf("%v: closed is %v", test.node, got)
		}
	}
}
