package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStorage proves that claims get volumes that are where their pods are, keep what
// is written, and end as they are told to.
func TestStorage(t *testing.T) {
	ns := shared.namespace(t)
	shared.apply(t, ns, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      # Not root, as images should be.
      securityContext: {runAsUser: 1000, runAsGroup: 1000}
      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: db}}}]}}
      containers:
      - name: db
        image: kubarium/toolbox:1.0
        command: [sh, -c, 'echo $HOSTNAME >> /data/names; exec toolbox sleep']
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}
`)
	shared.kubectl(t, "-n", ns, "rollout", "status", "statefulset/db", "--timeout=100s")
	t.Run("stateful set", func(t *testing.T) {
		nodes := strings.Fields(shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=db", "-o", "jsonpath={.items[*].spec.nodeName}"))
		if len(nodes) != 3 || nodes[0] == nodes[1] || nodes[1] == nodes[2] || nodes[0] == nodes[2] {
			t.Errorf("pods on %v", nodes)
		}
		shared.kubectl(t, "-n", ns, "delete", "pod", "db-1")
		shared.kubectl(t, "-n", ns, "rollout", "status", "statefulset/db", "--timeout=60s")
		shared.holds(t, ns, "db-1", "/data/names", "db-1\ndb-1\n")
		shared.holds(t, ns, "db-2", "/data/names", "db-2\n")
		if now := shared.nodeOf(t, ns, "db-1"); now != nodes[1] {
			t.Errorf("the volume is on %s, and the new pod on %s", nodes[1], now)
		}
	})
	t.Run("delete", func(t *testing.T) {
		dir := shared.volumeOf(t, ns, "data-db-2")
		if data, err := os.ReadFile(filepath.Join(dir, "names")); err != nil || string(data) != "db-2\n" {
			t.Errorf("on the node's disk: %q, %v", data, err)
		}
		// A claim in use is protected: it goes when its pod has.
		shared.kubectl(t, "-n", ns, "delete", "pvc", "data-db-2", "--wait=false")
		shared.holds(t, ns, "db-2", "/data/names", "db-2\n")
		if out := shared.kubectl(t, "-n", ns, "get", "pvc", "data-db-2", "-o", "jsonpath={.status.phase} {.metadata.deletionTimestamp}"); !strings.HasPrefix(out, "Bound 2") {
			t.Errorf("the deleted claim that is in use: %s", out)
		}
		volume := shared.kubectl(t, "-n", ns, "get", "pvc", "data-db-2", "-o", "jsonpath={.spec.volumeName}")
		shared.kubectl(t, "-n", ns, "scale", "statefulset/db", "--replicas=2")
		shared.kubectl(t, "wait", "--for=delete", "pv/"+volume, "--timeout=60s")
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the data of the deleted volume: %v", err)
		}
	})
	t.Run("retain", func(t *testing.T) { shared.retains(t, ns) })
	t.Run("refusals", func(t *testing.T) { shared.refuses(t, ns) })
}

// claim makes a claim, and a pod that writes into it.
func (c *testCluster) claim(t *testing.T, ns, name, spec string) {
	t.Helper()
	c.apply(t, ns, fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s}, spec: {%s}}`, name, spec))
	c.user(t, ns, name)
}

// user runs a pod that uses the claim of its name.
func (c *testCluster) user(t *testing.T, ns, name string) {
	t.Helper()
	c.apply(t, ns, fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %[1]s}, spec: {terminationGracePeriodSeconds: 1,
		containers: [{name: it, image: "kubarium/toolbox:1.0", command: [sh, -c, "echo %[1]s >> /data/names; exec toolbox sleep"], volumeMounts: [{name: data, mountPath: /data}]}],
		volumes: [{name: data, persistentVolumeClaim: {claimName: %[1]s}}]}}`, name))
}

// holds fails the test unless a file in a pod has the content.
func (c *testCluster) holds(t *testing.T, ns, pod, file, content string) {
	t.Helper()
	eventually(t, file+" of "+pod, func(context.Context) error {
		if out, code := c.try(t, "kubectl", "-n", ns, "exec", pod, "--", "cat", file); code != 0 || out != content {
			return fmt.Errorf("exit code %d, %q, want %q", code, out, content)
		}
		return nil
	})
}

func (c *testCluster) nodeOf(t *testing.T, ns, pod string) string {
	t.Helper()
	return c.kubectl(t, "-n", ns, "get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
}

// volumeOf returns where the host has the volume of a claim.
func (c *testCluster) volumeOf(t *testing.T, ns, claim string) string {
	t.Helper()
	volume := c.kubectl(t, "-n", ns, "get", "pvc", claim, "-o", "jsonpath={.spec.volumeName}")
	told := strings.Fields(c.kubectl(t, "get", "pv", volume, "-o", "jsonpath={.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]} {.spec.local.path}"))
	return c.path("nodes", told[0], told[1])
}

// retains proves that data outlives its claim where the class says so.
func (c *testCluster) retains(t *testing.T, ns string) {
	c.apply(t, ns, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: kept}, provisioner: kubarium.dev/node-disk, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}`)
	t.Cleanup(func() { c.kubectl(t, "delete", "storageclass", "kept") })
	c.claim(t, ns, "kept", "storageClassName: kept, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}")
	c.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/kept", "--timeout=60s")
	dir := c.volumeOf(t, ns, "kept")
	volume := c.kubectl(t, "-n", ns, "get", "pvc", "kept", "-o", "jsonpath={.spec.volumeName}")
	t.Cleanup(func() { c.kubectl(t, "delete", "pv", volume) })
	c.kubectl(t, "-n", ns, "delete", "pod/kept", "pvc/kept")
	c.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Released", "pv/"+volume, "--timeout=60s")
	if data, err := os.ReadFile(filepath.Join(dir, "names")); err != nil || string(data) != "kept\n" {
		t.Errorf("the data of the released volume: %q, %v", data, err)
	}
}

// refuses proves that what can't be is refused, and told why.
func (c *testCluster) refuses(t *testing.T, ns string) {
	out, code := c.try(t, "kubectl", "-n", ns, "patch", "pvc", "data-db-0", "-p", `{"spec": {"resources": {"requests": {"storage": "200Mi"}}}}`)
	if code == 0 || !strings.Contains(out, "must support resize") {
		t.Errorf("expansion: exit code %d, %s", code, out)
	}
	for name, refusal := range map[string]struct{ spec, told string }{
		"huge":   {"accessModes: [ReadWriteOnce], resources: {requests: {storage: 900Ti}}", "it asks for 900Ti, and the disk has"},
		"shared": {"accessModes: [ReadWriteMany], resources: {requests: {storage: 1Mi}}", "a volume is a directory on one node's disk"},
	} {
		c.claim(t, ns, name, refusal.spec)
		eventually(t, "refusal of "+name, func(context.Context) error {
			out := c.kubectl(t, "-n", ns, "get", "events", "--field-selector=involvedObject.name="+name+",reason=ProvisioningFailed", "-o", "jsonpath={.items[*].message}")
			if !strings.Contains(out, refusal.told) {
				return fmt.Errorf("events: %q", out)
			}
			return nil
		})
	}
}

// servicesOutliveMachines proves that volumes, metrics and encryption survive reboots of
// the cluster and of a node, and that the loss of a node's disk is told.
func servicesOutliveMachines(t *testing.T) {
	c := newCluster(t, "services", 2, "--encrypt-secrets")
	c.kubectl(t, "create", "secret", "generic", "first", "--from-literal=word="+secretWord)
	c.keeps(t, "default", "first", true)
	c.eventuallyOK(t, "kubectl", "get", "storageclass", "standard")
	// Before a pod needs it, nobody knows where the volume is to be.
	c.apply(t, "default", `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}}`)
	c.kubectl(t, "cordon", "node-1")
	c.user(t, "default", "data")
	c.kubectl(t, "wait", "--for=condition=Ready", "pod/data", "--timeout=60s")
	c.kubectl(t, "uncordon", "node-1")
	c.balance(t, "default", "first", 1)
	inside, host := c.balance(t, "default", "second", 1)
	c.end(t, syscall.SIGTERM)
	c.flags = nil
	c.again(t)
	c.kubectl(t, "create", "secret", "generic", "second", "--from-literal=word="+secretWord)
	c.keeps(t, "default", "second", true)
	c.keepsAddress(t, "second", inside, host)
	c.holds(t, "default", "data", "/data/names", "data\ndata\n")
	c.kubarium(t, "node", "kill", "node-2")
	c.kubarium(t, "node", "start", "node-2")
	c.holds(t, "default", "data", "/data/names", "data\ndata\ndata\n")
	c.eventuallyOK(t, "kubectl", "top", "pod", "data")
	c.kubarium(t, "node", "rm", "node-2")
	eventually(t, "news of the lost volume", func(context.Context) error {
		out := c.kubectl(t, "get", "events", "--field-selector=involvedObject.name=data,reason=NodeRemoved", "-o", "jsonpath={.items[*].message}")
		if !strings.Contains(out, "data of this claim is lost") {
			return fmt.Errorf("events: %q", out)
		}
		return nil
	})
	// The claim, and what is left of the volume, can be deleted; then it begins anew.
	c.kubectl(t, "delete", "pod/data", "pvc/data", "--force", "--timeout=60s")
	c.claim(t, "default", "data", "accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}")
	c.holds(t, "default", "data", "/data/names", "data\n")
}
