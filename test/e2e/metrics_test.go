package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestMetrics proves that what pods use is measured, limited, and acted on.
func TestMetrics(t *testing.T) {
	// It mostly waits for figures.
	t.Parallel()
	ns := shared.namespace(t)
	shared.runLimited(t, ns, "throttled", "cpu: 200m", "toolbox", "eat-cpu")
	shared.runLimited(t, ns, "killed", "memory: 48Mi", "toolbox", "eat-memory", "--mib=200", "--rate=200")
	shared.autoscaled(t, ns)
	t.Run("memory limit kills", func(t *testing.T) {
		eventually(t, "end of the greedy container", func(ctx context.Context) error {
			pod, err := shared.client.CoreV1().Pods(ns).Get(ctx, "killed", metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, s := range pod.Status.ContainerStatuses {
				if end := s.State.Terminated; end != nil && end.Reason == "OOMKilled" && end.ExitCode == 137 {
					return nil
				}
			}
			return fmt.Errorf("status %+v", pod.Status.ContainerStatuses)
		})
	})
	t.Run("CPU limit throttles", func(t *testing.T) {
		eventually(t, "throttling", func(context.Context) error {
			out, _ := shared.try(t, "kubectl", "-n", ns, "exec", "throttled", "--", "sh", "-c",
				"cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu,cpuacct/cpu.stat 2>/dev/null | grep -m1 nr_throttled")
			if n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(out, "nr_throttled"))); err != nil || n < 10 {
				return fmt.Errorf("throttled %q times", out)
			}
			return nil
		})
	})
	t.Run("top", func(t *testing.T) { shared.top(t, ns) })
	t.Run("autoscaler", func(t *testing.T) {
		shared.awaitReplicas(t, ns, func(n int32) bool { return n >= 2 })
		shared.kubectl(t, "-n", ns, "delete", "pod", "load", "--grace-period=1")
		shared.awaitReplicas(t, ns, func(n int32) bool { return n == 1 })
	})
}

// runLimited starts a pod whose container may not use more than the limit.
func (c *testCluster) runLimited(t *testing.T, ns, name, limit string, command ...string) {
	t.Helper()
	c.apply(t, ns, fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1,
		containers: [{name: it, image: "kubarium/toolbox:1.0", command: ["%s"], resources: {limits: {%s}}}]}}`, name, strings.Join(command, `", "`), limit))
}

var milliCPU = regexp.MustCompile(`\s(\d+)m\s`)

// top proves that the figures of nodes and pods are there, and are about right.
func (c *testCluster) top(t *testing.T, ns string) {
	eventually(t, "figures of the busy pod", func(context.Context) error {
		out, code := c.try(t, "kubectl", "-n", ns, "top", "pod", "throttled", "--no-headers")
		match := milliCPU.FindStringSubmatch(out)
		if code != 0 || match == nil {
			return errors.New(out)
		}
		// The limit is 200m; a little of the time before and after it may be counted.
		if used, err := strconv.Atoi(match[1]); err != nil || used < 100 || used > 260 {
			return fmt.Errorf("a pod held to 200m uses %s", out)
		}
		return nil
	})
	eventually(t, "figures of three nodes", func(context.Context) error {
		out, _ := c.try(t, "kubectl", "top", "nodes", "--no-headers")
		if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || strings.Contains(out, "unknown") {
			return errors.New(out)
		}
		return nil
	})
	// The API server believes the answers because of the certificate, not blindly.
	if out := c.kubectl(t, "get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "jsonpath={.spec.insecureSkipTLSVerify}{.status.conditions[0].status}"); out != "True" {
		t.Errorf("API service: %s", out)
	}
	// Who may not read pods' metrics gets none: users are authorized one by one.
	if out, code := c.try(t, "kubectl", "top", "pods", "-n", ns, "--as=nobody"); code == 0 || !strings.Contains(out, "forbidden") {
		t.Errorf("a stranger's question: exit code %d, %s", code, out)
	}
}

// autoscaled runs a web server that is scaled by its use of CPU, and load for it.
func (c *testCluster) autoscaled(t *testing.T, ns string) {
	t.Helper()
	c.apply(t, ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "kubarium/web:1.0", resources: {requests: {cpu: 20m}}, readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
`)
	c.kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
	c.kubectl(t, "-n", ns, "run", "load", "--image=kubarium/toolbox:1.0", "--restart=Never", "--", "toolbox", "load", "--url=http://web", "--rps=200")
}

func (c *testCluster) awaitReplicas(t *testing.T, ns string, enough func(int32) bool) {
	t.Helper()
	eventually(t, "replicas", func(ctx context.Context) error {
		d, err := c.client.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !enough(d.Status.Replicas) {
			hpa, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(ns).Get(ctx, "web", metav1.GetOptions{})
			if err != nil {
				return err
			}
			told := ""
			for _, condition := range hpa.Status.Conditions {
				if condition.Status != corev1.ConditionTrue {
					told += condition.Message + "; "
				}
			}
			return fmt.Errorf("%d replicas; metrics %v; %s", d.Status.Replicas, hpa.Status.CurrentMetrics, told)
		}
		return nil
	})
}
