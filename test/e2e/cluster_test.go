package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var nodeNames = []string{"node-1", "node-2", "node-3"}

func TestNodes(t *testing.T) {
	nodes, err := shared.client.CoreV1().Nodes().List(bounded(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes.Items) != 3 {
		t.Fatalf("%d nodes, want 3", len(nodes.Items))
	}
	machines, sizes := map[string]bool{}, map[string]bool{}
	for _, n := range nodes.Items {
		machines[n.Status.NodeInfo.MachineID] = true
		sizes[n.Status.Allocatable.Memory().String()+" "+n.Status.Allocatable.Cpu().String()] = true
		if v := n.Status.NodeInfo.KubeletVersion; v != "v1.37.1" {
			t.Errorf("%s runs %s", n.Name, v)
		}
		for _, condition := range n.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
				t.Errorf("%s is not Ready: %s", n.Name, condition.Message)
			}
		}
	}
	if len(machines) != 3 || len(sizes) != 3 {
		t.Errorf("machine IDs %v and allocatable %v, want three different of each", machines, sizes)
	}
}

// TestNetwork proves that pods reach pods, services and DNS from every node, and that
// the host reaches node ports.
func TestNetwork(t *testing.T) {
	ns := shared.namespace(t)
	for _, node := range nodeNames {
		shared.runOn(t, ns, node, node, "kubarium/toolbox:1.0")
	}
	shared.kubectl(t, "-n", ns, "create", "deployment", "web", "--image=kubarium/web:1.0", "--replicas=3")
	shared.kubectl(t, "-n", ns, "expose", "deployment", "web", "--port=80", "--target-port=8080", "--type=NodePort")
	shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
	pods := strings.Fields(shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}"))
	if len(pods) != 3 {
		t.Fatalf("pod addresses = %v, want 3", pods)
	}
	for _, node := range nodeNames {
		for _, ip := range pods {
			hello(t, ns, node, "http://"+ip+":8080")
		}
		eventually(t, "service from "+node, func(context.Context) error {
			out, code := shared.try(t, "kubectl", "-n", ns, "exec", node, "--", "wget", "-qO-", "http://web."+ns)
			if code != 0 || !strings.Contains(out, "Hello from pod web-") {
				return errors.New(out)
			}
			return nil
		})
		out := shared.kubectl(t, "-n", ns, "exec", node, "--", "nslookup", "kubernetes.default")
		if !strings.Contains(out, "10.96.0.1") {
			t.Errorf("nslookup on %s:\n%s", node, out)
		}
	}
	port := shared.kubectl(t, "-n", ns, "get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")
	eventually(t, "node port", func(ctx context.Context) error { return get(ctx, "http://127.0.0.1:"+port, "Hello from pod web-") })
}

func hello(t *testing.T, ns, pod, url string) {
	t.Helper()
	if out := shared.kubectl(t, "-n", ns, "exec", pod, "--", "wget", "-qO-", url); !strings.Contains(out, "Hello from pod web-") {
		t.Errorf("%s asks %s: %s", pod, url, out)
	}
}

// runOn starts a pod on a node and waits until it runs.
func (c *testCluster) runOn(t *testing.T, ns, name, node, image string, command ...string) {
	t.Helper()
	args := []string{"-n", ns, "run", name, "--image=" + image, "--overrides", fmt.Sprintf(`{"spec":{"nodeName":%q,"terminationGracePeriodSeconds":1}}`, node)}
	if len(command) > 0 {
		args = append(append(args, "--command", "--"), command...)
	}
	c.kubectl(t, args...)
	c.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=60s")
}

// TestKubectl proves that what kubectl streams works against every node.
func TestKubectl(t *testing.T) {
	ns := shared.namespace(t)
	for _, node := range nodeNames {
		t.Run(node, func(t *testing.T) {
			shared.runOn(t, ns, node, node, "kubarium/web:1.0")
			if out := shared.kubectl(t, "-n", ns, "exec", node, "--", "sh", "-c", "echo in the pod"); !strings.Contains(out, "in the pod") {
				t.Errorf("exec: %s", out)
			}
			if out := shared.kubectl(t, "-n", ns, "logs", node); !strings.Contains(out, "listens on") {
				t.Errorf("logs: %s", out)
			}
			portForward(t, ns, node)
			copyBothWays(t, ns, node)
			if out := shared.kubectl(t, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/healthz"); out != "ok" {
				t.Errorf("node proxy: %s", out)
			}
			if out := shared.kubectl(t, "get", "--raw", "/api/v1/namespaces/"+ns+"/pods/"+node+":8080/proxy/"); !strings.Contains(out, `"pod":"`+node+`"`) {
				t.Errorf("pod proxy: %s", out)
			}
			debug(t, ns, node)
		})
	}
}

// debug runs a command in an ephemeral container, as somebody at a terminal would: the
// attachment ends when the input does.
func debug(t *testing.T, ns, pod string) {
	t.Helper()
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	cmd := exec.CommandContext(bounded(t), program(), "kubectl", "--name", shared.name, "--data-dir", shared.dir, "-n", ns,
		"debug", pod, "--image=kubarium/toolbox:1.0", "--target="+pod, "-i", "--quiet", "--", "sh", "-c", "read line; ps; echo debugged")
	cmd.Stdin = in
	// It arrives when kubectl is attached: what is printed before is lost.
	if _, err := hold.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	in.Close()
	if err != nil || !strings.Contains(string(out), "debugged") || !strings.Contains(string(out), "toolbox serve") {
		t.Errorf("debug: %v\n%s", err, out)
	}
}

// portForward fetches a page through kubectl port-forward.
func portForward(t *testing.T, ns, pod string) {
	t.Helper()
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, program(), "kubectl", "--name", shared.name, "--data-dir", shared.dir, "-n", ns, "port-forward", "pod/"+pod, ":8080")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var port int
	if _, scanErr := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d", &port); err != nil || scanErr != nil {
		t.Fatalf("port-forward says %q: %v", line, errors.Join(err, scanErr))
	}
	if err := get(ctx, fmt.Sprintf("http://127.0.0.1:%d", port), "Hello from pod "+pod); err != nil {
		t.Errorf("port-forward: %v", err)
	}
	cancel()
	_ = cmd.Wait()
}

func copyBothWays(t *testing.T, ns, pod string) {
	t.Helper()
	dir := t.TempDir()
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	if err := os.WriteFile(there, []byte("carried over"), 0o600); err != nil {
		t.Fatal(err)
	}
	shared.kubectl(t, "-n", ns, "cp", there, pod+":/tmp/file")
	shared.kubectl(t, "-n", ns, "cp", pod+":/tmp/file", back)
	if data, err := os.ReadFile(back); err != nil || string(data) != "carried over" {
		t.Errorf("cp brought back %q: %v", data, err)
	}
}

func get(ctx context.Context, url, want string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && !strings.Contains(string(body), want) {
		err = fmt.Errorf("%s answers %q", url, body)
	}
	return err
}

// TestImages proves that a wrong tag fails as in any cluster, that a rollout changes
// the answers, and that a bad archive changes nothing.
func TestImages(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	shared.kubectl(t, "-n", ns, "run", "wrong", "--image=kubarium/web:9.9")
	eventually(t, "ImagePullBackOff", func(context.Context) error {
		out := shared.kubectl(t, "-n", ns, "get", "pod", "wrong", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}")
		if out != "ImagePullBackOff" {
			return fmt.Errorf("the pod waits for %q", out)
		}
		return nil
	})
	events := shared.kubectl(t, "-n", ns, "get", "events")
	if !strings.Contains(events, "ErrImagePull") {
		t.Errorf("no ErrImagePull among the events:\n%s", events)
	}
	before := shared.kubarium(t, "image", "ls")
	for _, name := range []string{"registry.k8s.io/pause", "registry.k8s.io/coredns/coredns", "docker.io/kubarium/toolbox", "docker.io/kubarium/web:3.0"} {
		if !strings.Contains(before, name) {
			t.Errorf("image ls does not list %s:\n%s", name, before)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.tar")
	if err := os.WriteFile(bad, []byte("no archive at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := shared.try(t, "image", "load", bad); code != 1 || !strings.Contains(out, "no image archive") {
		t.Errorf("load of a bad archive: exit code %d, %s", code, out)
	}
	if after := shared.kubarium(t, "image", "ls"); after != before {
		t.Errorf("a bad archive changed the images:\n%s", after)
	}
}
