package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestRewind has a cluster of its own: going back is for the whole of it.
func TestRewind(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "rewind", 2)
	web := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d pods that answer", want), func(ctx context.Context) error {
			ips := strings.Fields(c.kubectl(t, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}"))
			if len(ips) != want {
				return fmt.Errorf("pods %v", ips)
			}
			for _, ip := range ips {
				out, err := c.command(ctx, "shell", "--", "bash", "-c", "exec 3<>/dev/tcp/"+ip+"/8080 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3").CombinedOutput()
				if err != nil || !strings.Contains(string(out), "Hello from pod web-") {
					return fmt.Errorf("%s: %w: %s", ip, err, out)
				}
			}
			return nil
		})
	}
	// How long it takes depends on who else uses the machine: it is told, for who compares.
	back := func(command ...string) string {
		t.Helper()
		out := c.kubarium(t, command...)
		t.Logf("%s: %s", strings.Join(command, " "), strings.TrimSpace(out))
		return out
	}
	uid := func(object string) string { return c.kubectl(t, "get", object, "-o", "jsonpath={.metadata.uid}") }
	gone := func(object string) {
		t.Helper()
		if out, code := c.try(t, "kubectl", "get", object); code == 0 || !strings.Contains(out, "NotFound") {
			t.Errorf("%s: %s", object, out)
		}
	}
	const claim = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  restartPolicy: Never
  containers:
  - {name: c, image: "kubarium/toolbox:1.0", command: [sh, -c, "echo once >> /data/f"], volumeMounts: [{name: d, mountPath: /data}]}
  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
`
	c.kubectl(t, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=2")
	c.apply(t, "default", claim)
	c.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "--timeout=120s")
	web(2)
	deployment, finished := uid("deployment/web"), uid("pod/writer")

	t.Log("a snapshot brings back what was deleted, and takes away what came")
	c.kubarium(t, "snapshot", "save", "before")
	c.kubectl(t, "delete", "deployment/web", "pod/writer")
	c.kubectl(t, "create", "configmap", "later")
	c.kubectl(t, "label", "node", "node-2", "disk=ssd")
	c.kubectl(t, "wait", "--for=delete", "pod", "-l", "app=web", "--timeout=120s")
	if out := back("snapshot", "restore", "before"); !strings.Contains(out, "objects written") {
		t.Errorf("restore says %q", out)
	}
	web(2)
	gone("configmap/later")
	if is := uid("deployment/web"); is != deployment {
		t.Errorf("the Deployment has the UID %s, and had %s", is, deployment)
	}
	if is := uid("pod/writer"); is != finished {
		t.Errorf("the finished pod has the UID %s, and had %s: it ran twice", is, finished)
	}
	if out := c.kubectl(t, "get", "nodes", "-l", "disk=ssd", "-o", "name"); out != "" {
		t.Errorf("still labelled: %s", out)
	}
	if out := c.kubarium(t, "snapshot", "list"); !strings.Contains(out, "before") {
		t.Errorf("list says %s", out)
	}
	pods := func() string {
		return c.kubectl(t, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.uid}")
	}
	t.Log("a restore is a change like others: undo takes it back, and redo brings it again")
	if out := back("undo"); !strings.Contains(out, "restore snapshot before") {
		t.Errorf("undo says %q", out)
	}
	c.kubectl(t, "get", "configmap", "later")
	gone("deployment/web")
	back("redo")
	gone("configmap/later")
	web(2)
	running := pods()
	back("snapshot", "restore", "before")
	if again := pods(); again != running {
		t.Errorf("pods that were brought back already run anew: %s, then %s", running, again)
	}

	t.Log("undo and redo go through the user's commands")
	c.kubectl(t, "create", "namespace", "shop")
	c.kubectl(t, "-n", "shop", "create", "configmap", "prices", "--from-literal=tea=1")
	c.kubectl(t, "scale", "deployment/web", "--replicas=1")
	c.kubectl(t, "delete", "namespace", "shop")
	if out := back("undo"); !strings.Contains(out, "delete namespaces/shop\n") {
		t.Errorf("undo says %q", out)
	}
	if tea := c.kubectl(t, "-n", "shop", "get", "configmap", "prices", "-o", "jsonpath={.data.tea}"); tea != "1" {
		t.Errorf("tea costs %q", tea)
	}
	web(1)
	back("undo")
	web(2)
	back("redo")
	web(1)
	back("undo")
	back("undo")
	back("undo")
	gone("namespace/shop")
	web(2)

	t.Log("a fault that is over does not come back with what was")
	const skewed = "web.default.svc.cluster.local"
	c.kubarium(t, "fault", "inject", "dns-skew", skewed, "--param", "answer=192.0.2.7")
	c.kubectl(t, "create", "configmap", "meanwhile")
	c.kubarium(t, "fault", "heal", "dns-skew")
	back("undo")
	gone("configmap/meanwhile")
	if out := c.kubectl(t, "-n", "kube-system", "get", "configmap", "coredns", "-o", "yaml"); strings.Contains(out, skewed) {
		t.Errorf("the fault is there again:\n%s", out)
	}

	t.Log("what runs on is undisturbed, and what was wrong says so")
	eventually(t, "ready components", func(context.Context) error {
		if out := c.kubarium(t, "component", "ls"); strings.Contains(out, "stopped") {
			return errors.New(out)
		}
		return nil
	})
	for _, wrong := range [][]string{{"snapshot", "restore", "never"}, {"snapshot", "save", "../x"}, {"snapshot", "save", "before"}, {"snapshot", "rm", "never"}} {
		if out, code := c.try(t, wrong...); code != 1 || !strings.HasPrefix(out, "Error: ") {
			t.Errorf("%v: exit code %d, %s", wrong, code, out)
		}
	}

	t.Log("what changed between two points is told")
	c.kubectl(t, "scale", "deployment/web", "--replicas=3")
	c.kubectl(t, "create", "configmap", "new")
	if out := c.kubarium(t, "snapshot", "diff", "before"); !strings.Contains(out, "create configmaps/default/new") || !strings.Contains(out, "update deployments/default/web") || !strings.Contains(out, ".spec.replicas: 2 -> 3") {
		t.Errorf("diff says %q", out)
	}
	if out := c.kubarium(t, "undo", "--show"); !strings.Contains(out, "would undo: create configmaps/default/new") || !strings.Contains(out, "delete configmaps/default/new") || strings.Contains(out, "deployments/default/web\n  .spec.replicas") {
		t.Errorf("undo --show says %q", out)
	}
	c.kubarium(t, "snapshot", "rm", "before")

	t.Log("one namespace comes back, and all else stays as it is")
	c.kubectl(t, "create", "namespace", "shop")
	c.kubectl(t, "-n", "shop", "create", "configmap", "prices", "--from-literal=tea=1")
	c.kubectl(t, "-n", "shop", "create", "service", "clusterip", "till", "--tcp=80:8080")
	till := func() string {
		return c.kubectl(t, "-n", "shop", "get", "service/till", "-o", "jsonpath={.metadata.uid} {.spec.clusterIP}")
	}
	was := till()
	c.kubarium(t, "snapshot", "save", "shop")
	c.kubectl(t, "delete", "namespace", "shop")
	c.kubectl(t, "create", "configmap", "after")
	back("snapshot", "restore", "shop", "--namespace", "shop")
	if is := till(); is != was {
		t.Errorf("the Service is %s, and was %s", is, was)
	}
	if tea := c.kubectl(t, "-n", "shop", "get", "configmap", "prices", "-o", "jsonpath={.data.tea}"); tea != "1" {
		t.Errorf("tea costs %q", tea)
	}
	c.kubectl(t, "get", "configmap/after", "configmap/new")
	c.kubectl(t, "delete", "namespace", "shop")
	c.kubarium(t, "snapshot", "rm", "shop")

	t.Log("a state that was kept brings one namespace back, and leaves the others")
	c.kubectl(t, "create", "namespace", "lesson")
	c.kubectl(t, "-n", "lesson", "create", "configmap", "words", "--from-literal=k=one")
	words := func() string {
		return c.kubectl(t, "-n", "lesson", "get", "configmap/words", "-o", "jsonpath={.metadata.uid} {.data.k}")
	}
	kept := words()
	if err := c.control().Mark(bounded(t), "start"); err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, "-n", "lesson", "delete", "configmap/words")
	c.kubectl(t, "-n", "lesson", "create", "configmap", "words", "--from-literal=k=two")
	c.kubectl(t, "create", "configmap", "mine")
	returned, err := c.control().ReturnTo(bounded(t), "start", "lesson")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("returned in %s", returned.Took)
	if got := words(); got != kept || uid("configmap/mine") == "" {
		t.Errorf("the namespace has %q, it had %q", got, kept)
	}
	if _, err := c.control().ReturnTo(bounded(t), "another", "lesson"); err == nil {
		t.Error("the cluster came back to a state that nobody kept")
	}
}
