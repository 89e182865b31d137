package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHelm installs a chart from a folder, whose operator validates and converts its
// own resources by webhooks, and acts on them.
func TestHelm(t *testing.T) {
	// It waits for a slow controller.
	t.Parallel()
	ns := shared.namespace(t)
	ref := "example.com/loaded/greeter:1"
	dir := t.TempDir()
	writeDockerArchive(t, filepath.Join(dir, "image.tar"), ref, imageOf(t, buildGuest(t)))
	shared.kubarium(t, "image", "load", filepath.Join(dir, "image.tar"))
	cert, key := certify(t, "greeter."+ns+".svc")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "crt"), cert, 0o600), os.WriteFile(filepath.Join(dir, "key"), key, 0o600)); err != nil {
		t.Fatal(err)
	}
	helm := helmOf(t, ns)
	helm("install", "greeter", "./testdata/greeter", "--wait", "--timeout=100s", "--set=image="+ref,
		"--set-file=tls.crt="+filepath.Join(dir, "crt"), "--set-file=tls.key="+filepath.Join(dir, "key"))
	t.Run("operator", func(t *testing.T) { shared.greets(t, ns) })
	t.Run("upgrade", func(t *testing.T) {
		replicas := func(want string) {
			t.Helper()
			if out := shared.kubectl(t, "-n", ns, "get", "deployment", "greeter", "-o", "jsonpath={.status.readyReplicas}"); out != want {
				t.Errorf("%s replicas are ready, want %s", out, want)
			}
		}
		helm("upgrade", "greeter", "./testdata/greeter", "--reuse-values", "--set=replicas=2", "--wait", "--timeout=100s")
		replicas("2")
		helm("rollback", "greeter", "1", "--wait", "--timeout=100s")
		replicas("1")
		if out := helm("history", "greeter"); strings.Count(out, "superseded") != 2 || !strings.Contains(out, "Rollback to 1") {
			t.Errorf("history:\n%s", out)
		}
	})
	// What the operator made belongs to what it was made for, and goes with it. The
	// garbage collector looks for new kinds each half minute.
	shared.kubectl(t, "-n", ns, "delete", "greeting", "old", "new")
	shared.kubectl(t, "-n", ns, "wait", "--for=delete", "configmap/old", "--timeout=100s")
	helm("uninstall", "greeter", "--wait", "--timeout=100s")
	if out, code := shared.try(t, "kubectl", "get", "crd", "greetings.guest.example.com"); code == 0 {
		t.Errorf("after helm uninstall there is %s", out)
	}
}

// greets proves that resources are converted, refused and acted on.
func (c *testCluster) greets(t *testing.T, ns string) {
	greeting := func(version, name, spec string) string {
		return fmt.Sprintf(`{apiVersion: guest.example.com/%s, kind: Greeting, metadata: {name: %s}, spec: {%s}}`, version, name, spec)
	}
	c.apply(t, ns, greeting("v1alpha1", "old", "name: world"))
	c.apply(t, ns, greeting("v1", "new", "subject: you"))
	for resource, want := range map[string]string{
		"greetings.v1.guest.example.com/old":       "world",
		"greetings.v1alpha1.guest.example.com/new": "you",
	} {
		if out := c.kubectl(t, "-n", ns, "get", resource, "-o", "jsonpath={.spec.name}{.spec.subject}"); out != want {
			t.Errorf("%s is for %q, want %q", resource, out, want)
		}
	}
	for name, want := range map[string]string{"old": "hello world", "new": "hello you"} {
		eventually(t, "greeting of "+name, func(context.Context) error {
			if out, _ := c.try(t, "kubectl", "-n", ns, "get", "configmap", name, "-o", "jsonpath={.data.text}"); out != want {
				return fmt.Errorf("%q, want %q", out, want)
			}
			return nil
		})
	}
	cmd := c.command(bounded(t), "kubectl", "-n", ns, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(greeting("v1alpha1", "refused", "name: nobody"))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "nobody can't be greeted") {
		t.Errorf("a greeting of nobody: %v, %s", err, out)
	}
}

// helmOf builds helm, and returns what runs it in a namespace of the shared cluster.
func helmOf(t *testing.T, ns string) func(args ...string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "helm")
	// The first time, all that helm is made of has to be built.
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", program, "helm.sh/helm/v4/cmd/helm")
	build.Dir = "../helm"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build helm: %v\n%s", err, out)
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(bounded(t), program, append([]string{"--namespace", ns}, args...)...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.path("kubeconfig"),
			"HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
}
