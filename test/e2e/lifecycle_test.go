package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestComponents stops each component alone, and sees what stops and what goes on.
func TestComponents(t *testing.T) {
	ns := shared.namespace(t)
	ctx, control := bounded(t), shared.control()
	do := func(name, action string) {
		t.Helper()
		if err := control.Component(ctx, name, action); err != nil {
			t.Fatalf("%s %s: %v", action, name, err)
		}
	}
	do("kube-scheduler", "stop")
	shared.kubectl(t, "-n", ns, "run", "waits", "--image=kubarium/web:1.0")
	if pod, err := shared.client.CoreV1().Pods(ns).Get(ctx, "waits", metav1.GetOptions{}); err != nil || pod.Spec.NodeName != "" {
		t.Errorf("without a scheduler the pod is on %q: %v", pod.Spec.NodeName, err)
	}
	do("kube-scheduler", "start")
	shared.kubectl(t, "-n", ns, "wait", "--for=condition=Ready", "pod/waits", "--timeout=60s")

	shared.kubectl(t, "-n", ns, "create", "deployment", "kept", "--image=kubarium/web:1.0")
	shared.kubectl(t, "-n", ns, "rollout", "status", "deployment/kept", "--timeout=60s")
	do("kube-controller-manager", "stop")
	shared.kubectl(t, "-n", ns, "delete", "pod", "-l", "app=kept", "--grace-period=1")
	if out := shared.kubectl(t, "-n", ns, "get", "pods", "-l", "app=kept", "-o", "name"); out != "" {
		t.Errorf("without controllers the pod was replaced: %s", out)
	}
	do("kube-controller-manager", "start")
	eventually(t, "replacement", func(context.Context) error {
		if out := shared.kubectl(t, "-n", ns, "get", "deployment", "kept", "-o", "jsonpath={.status.readyReplicas}"); out != "1" {
			return fmt.Errorf("%s ready replicas", out)
		}
		return nil
	})
	for _, name := range []string{"etcd", "kube-apiserver"} {
		do(name, "stop")
		if out, code := shared.try(t, "kubectl", "get", "--raw", "/api/v1/namespaces/default?timeout=2s", "--request-timeout=2s"); code == 0 {
			t.Errorf("with %s stopped the API answers: %s", name, out)
		}
		do(name, "start")
		eventually(t, "API after "+name, func(context.Context) error {
			if out, code := shared.try(t, "kubectl", "get", "namespace", ns); code != 0 {
				return errors.New(out)
			}
			return nil
		})
	}
}

// TestNodeComesAndGoes adds, kills, starts, stops and removes a node.
func TestNodeComesAndGoes(t *testing.T) {
	ns := shared.namespace(t)
	added := strings.TrimPrefix(strings.Fields(shared.kubarium(t, "node", "add"))[0], "node/")
	shared.kubectl(t, "wait", "--for=create", "node/"+added, "--timeout=60s")
	shared.kubectl(t, "wait", "--for=condition=Ready", "node/"+added, "--timeout=60s")
	shared.runOn(t, ns, "there", added, "kubarium/web:1.0")
	if running := shared.processes(t, added); len(running) == 0 {
		t.Error("the running node's processes are not found by its cgroup")
	}
	shared.kubarium(t, "node", "kill", added)
	if left := shared.processes(t, added); len(left) > 0 {
		t.Errorf("processes left of the killed node: %v", left)
	}
	if out, code := shared.try(t, "node", "kill", added); code != 1 || !strings.Contains(out, "off already") {
		t.Errorf("kill of a node that is off: exit code %d, %s", code, out)
	}
	shared.kubarium(t, "node", "start", added)
	eventually(t, "pod after the power cut", func(ctx context.Context) error {
		pod, err := shared.client.CoreV1().Pods(ns).Get(ctx, "there", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if s := pod.Status.ContainerStatuses; len(s) != 1 || s[0].RestartCount != 1 || !s[0].Ready {
			return fmt.Errorf("container status %+v", s)
		}
		return nil
	})
	shared.kubarium(t, "node", "stop", added)
	shared.kubarium(t, "node", "rm", added)
	if out, code := shared.try(t, "kubectl", "get", "node", added); code == 0 {
		t.Errorf("the removed node is there: %s", out)
	}
	if _, err := os.Stat(shared.path("nodes", added)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed node's disk: %v", err)
	}
}

// processes lists what runs of the cluster, or of one node of it: by control group,
// and by what every process inherits from its parent.
func (c *testCluster) processes(t *testing.T, node string) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		environment, _ := os.ReadFile(filepath.Join(dir, "environ"))
		inGroup := strings.Contains(string(groups), "/kubarium/"+c.name) && strings.Contains(string(groups), "/"+node)
		inherits := node == "" && strings.Contains(string(environment), "TMPDIR="+c.temporary())
		if inGroup || inherits {
			name, _ := os.ReadFile(filepath.Join(dir, "comm"))
			found = append(found, filepath.Base(dir)+" "+strings.TrimSpace(string(name)))
		}
	}
	return found
}

// machine is what a cluster could leave behind.
type machine map[string]string

func look(t *testing.T) machine {
	t.Helper()
	m := machine{}
	for name, command := range map[string]string{
		"mounts":   "cut -d' ' -f4- /proc/self/mountinfo",
		"links":    "ip -o link",
		"routes":   "ip route",
		"netns":    "ip netns",
		"nftables": "nft list ruleset",
		"cgroups":  "find /sys/fs/cgroup -type d -path '*/kubarium/" + uniqueName("short") + "*'",
		"run":      "ls /run",
		"sysctl":   "cd /proc/sys && cat net/ipv4/ip_forward vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys",
	} {
		out, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		lines := strings.Split(string(out), "\n")
		sort.Strings(lines)
		m[name] = strings.Join(lines, "\n")
	}
	return m
}

func (m machine) compare(t *testing.T, when string, after machine, except ...string) {
	t.Helper()
	for name := range m {
		if m[name] != after[name] && !contains(except, name) {
			t.Errorf("%s, %s differ:\nbefore:\n%s\nafter:\n%s", when, name, m[name], after[name])
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// TestNothingIsLeftBehind ends a cluster in every way, and compares the machine.
func TestNothingIsLeftBehind(t *testing.T) {
	before := look(t)
	c, err := startCluster("short", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(c.dir)
	before.compare(t, "while the cluster runs", look(t), "cgroups")
	ends := []struct {
		name string
		end  func() error
	}{
		{"SIGTERM", func() error { return c.stop(syscall.SIGTERM) }},
		{"SIGINT", func() error { return c.stop(syscall.SIGINT) }},
		{"SIGHUP", func() error { return c.stop(syscall.SIGHUP) }},
		{"down", func() error { c.kubarium(t, "down"); return c.awaitExit() }},
	}
	for i, e := range ends {
		if i > 0 {
			if err := c.start(1); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.end(); err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		before.compare(t, "after "+e.name, look(t))
		if left := c.processes(t, ""); len(left) > 0 {
			t.Errorf("after %s, processes: %v", e.name, left)
		}
	}
	if err := c.start(1); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the nodes after SIGKILL", func(context.Context) error {
		if left := c.processes(t, ""); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
	before.compare(t, "after SIGKILL", look(t), "cgroups")
	if err := c.start(1); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	before.compare(t, "after SIGKILL, a start and a stop", look(t))
	if left, err := os.ReadDir(c.temporary()); err != nil || len(left) > 0 {
		t.Errorf("temporary files %v: %v", left, err)
	}
	c.kubarium(t, "clean", "--yes")
	if _, err := os.Stat(c.path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state directory after clean: %v", err)
	}
}

// TestRestartIsAReboot proves that a restart keeps objects, and runs the pods again.
func TestRestartIsAReboot(t *testing.T) {
	c, err := startCluster("again", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(c.dir)
	c.kubectl(t, "create", "configmap", "kept", "--from-literal=a=b")
	c.kubectl(t, "create", "deployment", "web", "--image=kubarium/web:1.0")
	c.kubectl(t, "rollout", "status", "deployment/web", "--timeout=60s")
	pod := c.kubectl(t, "get", "pods", "-l", "app=web", "-o", "name")
	if err := c.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.start(1); err != nil {
		t.Fatal(err)
	}
	if out := c.kubectl(t, "get", "configmap", "kept", "-o", "jsonpath={.data.a}"); out != "b" {
		t.Errorf("ConfigMap after the restart: %q", out)
	}
	eventually(t, "pod after the restart", func(ctx context.Context) error {
		pods, err := c.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil || len(pods.Items) != 1 {
			return fmt.Errorf("%d pods: %w", len(pods.Items), err)
		}
		p := pods.Items[0]
		if "pod/"+p.Name+"\n" != pod {
			return fmt.Errorf("another pod, %s", p.Name)
		}
		if s := p.Status.ContainerStatuses; p.Status.Phase != corev1.PodRunning || len(s) != 1 || s[0].RestartCount != 1 || !s[0].Ready {
			return fmt.Errorf("phase %s, status %+v", p.Status.Phase, s)
		}
		return nil
	})
	checkSecondStart(t, c)
	if out, code := c.try(t, "reset"); code != 1 || !strings.Contains(out, "--yes") {
		t.Errorf("reset without --yes: exit code %d, %s", code, out)
	}
	c.kubarium(t, "reset", "--yes")
	if err := c.awaitExit(); err != nil {
		t.Fatal(err)
	}
	if err := c.start(1); err != nil {
		t.Fatal(err)
	}
	if out, code := c.try(t, "kubectl", "get", "configmap", "kept"); code == 0 {
		t.Errorf("the ConfigMap survived a reset: %s", out)
	}
	if err := c.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// checkSecondStart proves that a cluster can't be started twice, and is not harmed by
// the attempt.
func checkSecondStart(t *testing.T, c *testCluster) {
	t.Helper()
	out, code := c.try(t, "up")
	if code != 1 || !strings.Contains(out, "running already") {
		t.Errorf("second start: exit code %d, %s", code, out)
	}
	c.kubectl(t, "get", "nodes")
	c.kubarium(t, "node", "ls")
}

// TestLessons plays every lesson from its own data.
func TestLessons(t *testing.T) {
	if out := shared.kubarium(t, "lesson", "test"); !strings.Contains(out, ", 0 failed") {
		t.Errorf("lesson test:\n%s", out)
	}
}

// TestCommandLine proves that wrong invocations say what is wrong, in one sentence.
func TestCommandLine(t *testing.T) {
	none := &testCluster{name: "none", dir: t.TempDir()}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "kubernetes v1.37.1"},
		{[]string{"up", "--help"}, 0, "Usage:"},
		{[]string{"doctor"}, 0, "0 failed"},
		{[]string{"nonsense"}, 1, `unknown command "nonsense"`},
		{[]string{"up", "--nonsense"}, 1, "unknown flag: --nonsense"},
		{[]string{"up", "--nodes", "0"}, 1, "a cluster has 1 to"},
		{[]string{"up", "-o", "xml"}, 1, "use text or json"},
		{[]string{"node", "ls"}, 1, "is not running"},
		{[]string{"down"}, 1, "is not running"},
		{[]string{"node", "kill"}, 1, "requires at least 1 arg"},
		{[]string{"image", "load", "/nonexistent"}, 1, "no such file"},
		{[]string{"env"}, 1, "there is no cluster"},
		{[]string{"kubectl", "get", "pods"}, 1, "there is no cluster"},
		{[]string{"clean"}, 1, "--yes"},
		{[]string{"lesson", "test", "nonsense"}, 1, "there is no"},
	} {
		out, code := none.try(t, test.args...)
		if code != test.code || !strings.Contains(out, test.want) {
			t.Errorf("kubarium %s: exit code %d, want %d; output, want %q:\n%s", strings.Join(test.args, " "), code, test.code, test.want, out)
		}
	}
	if entries, err := os.ReadDir(none.dir); err != nil || len(entries) > 0 {
		t.Errorf("wrong invocations made %v: %v", entries, err)
	}
}
