package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keptManifest has what a restart must not rename.
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
`

// onceManifest is a Job that says on its node's disk each time that it runs.
const onceManifest = `
apiVersion: batch/v1
kind: Job
metadata: {name: %[1]s}
spec:
  template:
    metadata: {labels: {job: %[1]s}}
    spec:
      restartPolicy: Never
      containers:
      - name: once
        image: kubarium/toolbox:1.0
        command: [sh, -c, "echo ran >>/ran/%[1]s"]
        volumeMounts: [{name: ran, mountPath: /ran}]
      volumes: [{name: ran, hostPath: {path: /var/ran, type: DirectoryOrCreate}}]
`

// kills is how often the program is killed: a hundred times in 'make test-long'.
func kills() int {
	if os.Getenv("LONG") != "" {
		return 100
	}
	return 5
}

// killsLoseNothing kills the whole program while it is written to: at random moments, just
// after a Job has ended, and in the middle of its start. What was acknowledged is so
// afterwards, pods keep their names, and Jobs that ran don't run again.
func killsLoseNothing(t *testing.T) {
	c := newCluster(t, "kills", 1, "--disable", "ingress,metrics")
	c.apply(t, "default", keptManifest)
	c.kubectl(t, "rollout", "status", "statefulset/kept", "--timeout=100s")
	before := c.identities(t)
	known := acknowledged{}
	var jobs []string
	for round := range kills() {
		writing, cancel := context.WithCancel(t.Context())
		written := make(chan struct{})
		go func() {
			defer close(written)
			if round%3 != 1 {
				c.write(writing, round, known)
			}
		}()
		if round%3 == 1 {
			job := fmt.Sprintf("once-%d", round)
			c.apply(t, "default", fmt.Sprintf(onceManifest, job))
			c.awaitEndOf(t, job)
			jobs = append(jobs, job)
		} else {
			// From a moment in which hardly anything was written, to one after etcd's commits.
			time.Sleep(50*time.Millisecond + rand.N(1500*time.Millisecond))
		}
		c.end(t, syscall.SIGKILL)
		cancel()
		<-written
		if round%3 == 2 {
			c.killStart(t, rand.N(3*time.Second))
		}
		c.again(t)
		c.expectMaps(t, round, known)
		c.expectOnce(t, round, jobs)
	}
	if len(known) < kills() {
		t.Errorf("only %d objects were written in %d rounds", len(known), kills())
	}
	t.Logf("%d kills, %d acknowledged objects and %d Jobs, none lost", kills(), len(known), len(jobs))
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
	for _, job := range jobs {
		eventually(t, "completion of "+job, func(ctx context.Context) error {
			found, err := c.client.BatchV1().Jobs("default").Get(ctx, job, metav1.GetOptions{})
			if err == nil && (found.Status.Succeeded != 1 || found.Status.Failed != 0) {
				err = fmt.Errorf("%+v", found.Status)
			}
			return err
		})
	}
	c.expectOnce(t, kills(), jobs)
}

// TestLongKills is killsLoseNothing with a hundred kills.
func TestLongKills(t *testing.T) {
	long(t)
	killsLoseNothing(t)
}

// awaitEndOf returns as soon as the API server knows that a Job's pod has ended well; the
// Job itself may not be Complete yet.
func (c *testCluster) awaitEndOf(t *testing.T, job string) {
	t.Helper()
	pods, err := c.client.CoreV1().Pods("default").Watch(bounded(t), metav1.ListOptions{LabelSelector: "job=" + job})
	if err != nil {
		t.Fatal(err)
	}
	defer pods.Stop()
	for event := range pods.ResultChan() {
		if pod, ok := event.Object.(*corev1.Pod); ok && pod.Status.Phase == corev1.PodSucceeded {
			return
		}
	}
	t.Fatalf("%s does not end", job)
}

// expectOnce proves that each Job has had one pod, that ran once.
func (c *testCluster) expectOnce(t *testing.T, round int, jobs []string) {
	t.Helper()
	for _, job := range jobs {
		ran, err := os.ReadFile(c.path("nodes", "node-1", "var", "ran", job))
		if err != nil || string(ran) != "ran\n" {
			t.Fatalf("before kill %d %s ended, and it wrote %q: %v", round, job, ran, err)
		}
		pods, err := c.client.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{LabelSelector: "job=" + job})
		if err != nil {
			t.Fatal(err)
		}
		if len(pods.Items) != 1 {
			t.Fatalf("after kill %d %s has %d pods", round, job, len(pods.Items))
		}
		for _, status := range pods.Items[0].Status.ContainerStatuses {
			if status.RestartCount != 0 {
				t.Errorf("after kill %d the container of %s was started %d times again", round, job, status.RestartCount)
			}
		}
	}
}

// killStart kills a start of the program after some time.
func (c *testCluster) killStart(t *testing.T, after time.Duration) {
	t.Helper()
	args := append([]string{"up", "--name", c.name, "--data-dir", c.dir, "--nodes", "1"}, c.flags...)
	cmd := exec.Command(program(), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+c.temporary())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// It was killed: what it says then is no news.
	_ = cmd.Wait()
}

// acknowledged is what ConfigMaps have to say, by their names, after all that the API server
// acknowledged. What was on its way when it ended may have happened, or not.
type acknowledged map[string]any

// gone is a ConfigMap that was deleted, and unsure one that was being changed.
type (
	gone   struct{}
	unsure struct{}
)

// write creates objects, changes the one before and deletes the one before that, until ctx
// ends or the cluster does.
func (c *testCluster) write(ctx context.Context, round int, known acknowledged) {
	maps := c.client.CoreV1().ConfigMaps("default")
	name := func(n int) string { return fmt.Sprintf("kill-%d-%d", round, n) }
	object := func(n int, value string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name(n)}, Data: map[string]string{"value": value}}
	}
	// do notes what is to be so, once it was acknowledged.
	do := func(n int, then any, request func() error) bool {
		known[name(n)] = unsure{}
		if request() != nil {
			return false
		}
		known[name(n)] = then
		return true
	}
	for n := 0; ctx.Err() == nil; n++ {
		done := do(n, "created", func() error {
			_, err := maps.Create(ctx, object(n, "created"), metav1.CreateOptions{})
			return err
		})
		if done && n%3 == 1 {
			done = do(n-1, "updated", func() error {
				_, err := maps.Update(ctx, object(n-1, "updated"), metav1.UpdateOptions{})
				return err
			})
		}
		if done && n%3 == 2 {
			done = do(n-1, gone{}, func() error { return maps.Delete(ctx, name(n-1), metav1.DeleteOptions{}) })
		}
		if !done {
			return
		}
	}
}

func (c *testCluster) expectMaps(t *testing.T, round int, known acknowledged) {
	t.Helper()
	list, err := c.client.CoreV1().ConfigMaps("default").List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]any, len(list.Items))
	for _, m := range list.Items {
		found[m.Name] = m.Data["value"]
	}
	for name, want := range known {
		is, there := found[name]
		if !there {
			is = gone{}
		}
		if want == (unsure{}) {
			// From now on it stays as it is.
			known[name] = is
		} else if is != want {
			t.Fatalf("after kill %d %s is %#v, and %#v was acknowledged", round, name, is, want)
		}
	}
}

// identities are the names and UIDs of the pods that are to be kept.
func (c *testCluster) identities(t *testing.T) []string {
	t.Helper()
	list, err := c.client.CoreV1().Pods("default").List(bounded(t), metav1.ListOptions{LabelSelector: "app=kept"})
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
