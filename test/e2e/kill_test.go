package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keptManifest has what a restart must neither rename nor repeat.
const keptManifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: kept}
spec:
  replicas: 2
  serviceName: kept
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept}}
    spec: {containers: [{name: web, image: "kubarium/web:1.0"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    metadata: {labels: {job: once}}
    spec:
      restartPolicy: Never
      containers: [{name: once, image: "kubarium/toolbox:1.0", command: [sh, -c, "date"]}]
`

// kills is how often the program is killed: a hundred times in 'make test-long'.
func kills() int {
	if os.Getenv("LONG") != "" {
		return 100
	}
	return 5
}

// killsLoseNothing kills the whole program at random moments while it is written to:
// what was acknowledged is there afterwards, pods keep their names, and Jobs that ran
// don't run again.
func killsLoseNothing(t *testing.T) {
	c := newCluster(t, "kills", 1, "--disable", "ingress,metrics")
	c.apply(t, "default", keptManifest)
	c.kubectl(t, "wait", "--for=condition=Complete", "job/once", "--timeout=100s")
	c.kubectl(t, "rollout", "status", "statefulset/kept", "--timeout=100s")
	before := c.identities(t)
	var names []string
	for round := range kills() {
		writing, cancel := context.WithCancel(t.Context())
		written := make(chan []string, 1)
		go func() { written <- c.write(writing, round) }()
		// From a moment in which hardly anything was written, to one after etcd's commits.
		time.Sleep(50*time.Millisecond + rand.N(1500*time.Millisecond))
		c.end(t, syscall.SIGKILL)
		cancel()
		names = append(names, <-written...)
		c.again(t)
		c.expectMaps(t, round, names)
	}
	if len(names) < kills() {
		t.Errorf("only %d objects were written in %d rounds", len(names), kills())
	}
	t.Logf("%d kills, %d acknowledged objects, none lost", kills(), len(names))
	eventually(t, "StatefulSet after the kills", func(ctx context.Context) error {
		set, err := c.client.AppsV1().StatefulSets("default").Get(ctx, "kept", metav1.GetOptions{})
		if err == nil && set.Status.ReadyReplicas != 2 {
			err = fmt.Errorf("%d replicas ready", set.Status.ReadyReplicas)
		}
		return err
	})
	if after := c.identities(t); !slices.Equal(before, after) {
		t.Errorf("pods before the kills %v, and after %v", before, after)
	}
	job, err := c.client.BatchV1().Jobs("default").Get(bounded(t), "once", metav1.GetOptions{})
	if err != nil || job.Status.Succeeded != 1 || job.Status.Failed != 0 {
		t.Errorf("the Job after the kills: %+v, %v", job.Status, err)
	}
}

// TestLongKills is killsLoseNothing with a hundred kills.
func TestLongKills(t *testing.T) {
	long(t)
	killsLoseNothing(t)
}

// write creates objects until ctx ends or the cluster does, and returns the names of
// those that were acknowledged.
func (c *testCluster) write(ctx context.Context, round int) []string {
	var names []string
	for n := 0; ctx.Err() == nil; n++ {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("kill-%d-%d", round, n)}}
		if _, err := c.client.CoreV1().ConfigMaps("default").Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return names
		}
		names = append(names, object.Name)
	}
	return names
}

func (c *testCluster) expectMaps(t *testing.T, round int, names []string) {
	t.Helper()
	list, err := c.client.CoreV1().ConfigMaps("default").List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool, len(list.Items))
	for _, m := range list.Items {
		found[m.Name] = true
	}
	for _, name := range names {
		if !found[name] {
			t.Fatalf("kill %d lost %s, which was acknowledged", round, name)
		}
	}
}

// identities are the names and UIDs of the pods that are to be kept.
func (c *testCluster) identities(t *testing.T) []string {
	t.Helper()
	list, err := c.client.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range list.Items {
		all = append(all, p.Name+"="+string(p.UID))
	}
	slices.Sort(all)
	return all
}
