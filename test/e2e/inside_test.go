package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kubarium/cluster/trace"
)

// insidePod has all that the taps of a kubelet see: a pull, a probe, a volume in memory, a
// variable from a Secret.
const insidePod = `
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {word: not-to-be-traced}
---
apiVersion: v1
kind: Pod
metadata: {name: inside}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: box
    image: kubarium/toolbox:1.0
    imagePullPolicy: Always
    command: [sh, -c, "touch /tmp/here; while :; do sleep 1; done"]
    env:
    - name: WORD
      valueFrom: {secretKeyRef: {name: hidden, key: word}}
    resources: {limits: {cpu: 200m, memory: 64Mi}}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL], add: [NET_BIND_SERVICE, CHOWN]}
      seccompProfile: {type: RuntimeDefault}
    readinessProbe:
      exec: {command: [cat, /tmp/here]}
      # Between two of them there has to be time to look three times, on a busy machine too.
      periodSeconds: 5
    volumeMounts:
    - {name: hidden, mountPath: /hidden}
  volumes:
  - name: hidden
    secret: {secretName: hidden}
`

// TestInsideNode looks into a node, and compares what the program says with what containerd,
// the kubelet's own counters and the kernel say.
func TestInsideNode(t *testing.T) {
	ns := shared.namespace(t)
	shared.apply(t, ns, insidePod)
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/inside", "--timeout=120s")
	pod, err := shared.client.CoreV1().Pods(ns).Get(bounded(t), "inside", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	machine := shared.machine(t, pod.Spec.NodeName)
	t.Run("all", func(t *testing.T) {
		t.Run("calls", func(t *testing.T) { t.Parallel(); checkCalls(t, machine, pod) })
		t.Run("notices", func(t *testing.T) { t.Parallel(); checkNotices(t, machine, pod) })
		t.Run("probes", func(t *testing.T) { t.Parallel(); checkProbes(t, pod) })
		t.Run("mounts", func(t *testing.T) { t.Parallel(); checkMounts(t, machine, pod) })
		t.Run("container", func(t *testing.T) { t.Parallel(); checkContainer(t, machine, pod) })
		t.Run("node", func(t *testing.T) { t.Parallel(); checkNode(t, machine, pod) })
		t.Run("status", func(t *testing.T) { t.Parallel(); checkStatus(t, pod) })
	})
	shared.kubectl(t, "-n", ns, "delete", "pod", "inside")
	eventually(t, "the end of the pod", func(ctx context.Context) error {
		seen := shared.kubeletEvents(ctx, t, pod)
		for _, method := range []string{"StopContainer", "StopPodSandbox", "unmount"} {
			if !slices.ContainsFunc(seen, func(e trace.Event) bool { return e.Verb == method && e.Fields["error"] == "" }) {
				return fmt.Errorf("the kubelet did not %s", method)
			}
		}
		return nil
	})
}

// machine is the PID, on this machine, of the first process of a node.
func (c *testCluster) machine(t *testing.T, node string) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		words, err := os.ReadFile(name)
		if err != nil || !strings.HasSuffix(strings.Trim(string(words), "\x00"), "/kubarium-node-init") {
			continue
		}
		groups, err := os.ReadFile(filepath.Join(filepath.Dir(name), "cgroup"))
		if err != nil || !regexp.MustCompile(`/`+c.name+`-[0-9a-f]+/`+node+`(/|\n|$)`).Match(groups) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatalf("%s has no first process", node)
	return 0
}

// kubeletEvents is what the tap in its kubelet saw of a pod.
func (c *testCluster) kubeletEvents(ctx context.Context, t *testing.T, pod *corev1.Pod) []trace.Event {
	t.Helper()
	out, err := c.command(ctx, "trace", "-o", "json", "--component", "kubelet").Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen []trace.Event
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var e trace.Event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return seen
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Object.UID == string(pod.UID) {
			seen = append(seen, e)
		}
	}
}

// tellsOf is what the tap in its kubelet tells of a pod.
func tellsOf(t *testing.T, pod *corev1.Pod) func(context.Context) (tales, error) {
	return func(ctx context.Context) (tales, error) { return shared.kubeletEvents(ctx, t, pod), nil }
}

// daemon is the containerd of a node, asked as a kubelet would.
type daemon struct {
	runtimeapi.RuntimeServiceClient
	images runtimeapi.ImageServiceClient
}

func runtimeClient(t *testing.T, machine int) daemon {
	t.Helper()
	socket := fmt.Sprintf("unix:///proc/%d/root/run/containerd/containerd.sock", machine)
	connection, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return daemon{runtimeapi.NewRuntimeServiceClient(connection), runtimeapi.NewImageServiceClient(connection)}
}
