package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestShell runs programs on a machine in the cluster's network: what answers, what it is
// called, who runs it, and that nothing of it stays.
func TestShell(t *testing.T) {
	t.Parallel()
	ns := shared.namespace(t)
	shared.kubectl(t, "create", "deployment", "web", "-n", ns, "--image=kubarium/web:1.0", "--port=8080")
	shared.kubectl(t, "expose", "deployment", "web", "-n", ns, "--type=LoadBalancer", "--port=80", "--target-port=8080")
	shared.kubectl(t, "wait", "-n", ns, "--for=condition=Available", "--timeout=120s", "deployment/web")
	field := func(path string) string {
		return shared.kubectl(t, "get", "service", "web", "-n", ns, "-o", "jsonpath={"+path+"}")
	}
	var balancer string
	eventually(t, "an address of the load balancer", func(context.Context) error {
		if balancer = field(".status.loadBalancer.ingress[0].ip"); balancer == "" {
			return fmt.Errorf("none yet")
		}
		return nil
	})
	pod := shared.kubectl(t, "get", "pods", "-n", ns, "-l", "app=web", "-o", "jsonpath={.items[0].status.podIP}")
	node := shared.kubectl(t, "get", "pods", "-n", ns, "-l", "app=web", "-o", "jsonpath={.items[0].status.hostIP}")
	for what, address := range map[string]string{
		"pod": pod + "/8080", "cluster IP": field(".spec.clusterIP") + "/80", "load balancer": balancer + "/80",
		"node port": node + "/" + field(".spec.ports[0].nodePort"), "name": "web." + ns + ".svc/80",
	} {
		// The machine needs no tool for it.
		script := `exec 3<>/dev/tcp/` + address + ` && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && cat <&3`
		eventually(t, what, func(ctx context.Context) error {
			out, err := shared.command(ctx, "shell", "--", "bash", "-c", script).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Hello from pod web-") {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	if out := shared.kubarium(t, "shell", "--", "kubectl", "get", "nodes", "-o", "name"); !strings.Contains(out, "node/node-1") {
		t.Errorf("kubectl in the shell says %q", out)
	}
	if _, code := shared.try(t, "shell", "--", "sh", "-c", "exit 7"); code != 7 {
		t.Errorf("exit code %d, not the program's", code)
	}
	if out, code := shared.try(t, "shell", "--", "no-such-program"); code != 1 || !strings.Contains(out, "no-such-program") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestShellIsTheUsers runs as an ordinary user, who has no rights of root's inside.
func TestShellIsTheUsers(t *testing.T) {
	t.Parallel()
	const nobody = "65534"
	cmd := shared.command(bounded(t), "shell", "--", "sh", "-c", "id -u; id -g; cat /proc/self/status; echo x > /etc/kubarium-test")
	cmd.Env = append(os.Environ(), "SUDO_UID="+nobody)
	out, err := cmd.CombinedOutput()
	if err == nil {
		os.Remove("/etc/kubarium-test")
		t.Fatal("the user wrote to /etc")
	}
	t.Log("and as the terminal's owner, where sudo says nothing: su is no other")
	main, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer main.Close()
	if err := terminal.Chown(65534, -1); err != nil {
		t.Fatal(err)
	}
	su := shared.command(bounded(t), "shell", "--", "id", "-u")
	su.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SUDO_") })
	su.Stdin = terminal
	if out, err := su.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != nobody {
		t.Errorf("the shell of a terminal of %s runs as %s: %v", nobody, out, err)
	}
	terminal.Close()

	lines := strings.Split(string(out), "\n")
	if lines[0] != nobody || lines[1] == "0" || !strings.Contains(string(out), "CapEff:\t0000000000000000") {
		t.Errorf("runs with the rights of root:\n%s", out)
	}
}
