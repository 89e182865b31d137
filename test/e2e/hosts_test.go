package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLongHosts starts clusters on what other machines have: disks on which overlayfs
// can't be stacked, ten nodes, a network of the host with the cluster's addresses.
func TestLongHosts(t *testing.T) {
	long(t)
	t.Run("tmpfs", func(t *testing.T) {
		c := clusterOn(t, func(dir string) error { return unix.Mount("none", dir, "tmpfs", 0, "size=4g") }, 1)
		runsPods(t, c, "node-1")
	})
	t.Run("overlayfs", func(t *testing.T) {
		layers := t.TempDir()
		for _, name := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(filepath.Join(layers, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		c := clusterOn(t, func(dir string) error {
			return unix.Mount("overlay", dir, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", layers))
		}, 1)
		runsPods(t, c, "node-1")
	})
	t.Run("ten nodes", func(t *testing.T) {
		c := clusterOn(t, func(string) error { return nil }, 10)
		runsPods(t, c, "node-1", "node-10")
	})
	t.Run("the host has the same network, and no IPv6", overlappingNetwork)
}

// overlappingNetwork runs a cluster in a network namespace that stands for a host, whose
// bridge has the addresses that the cluster uses.
func overlappingNetwork(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const script = `set -e
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add other type bridge && ip addr add 10.89.0.1/24 dev other && ip link set other up
k() { command=$1; shift; "$PROGRAM" "$command" --name hosts --data-dir "$DIR" "$@"; }
"$PROGRAM" up --name hosts --data-dir "$DIR" --nodes 2 --disable ingress -o json >"$DIR/out" & up=$!
until test -s "$DIR/out"; do kill -0 $up; sleep 0.2; done
k kubectl run web --image=kubarium/web:1.0 --port=8080 --expose
k kubectl run client --image=kubarium/toolbox:1.0 --command -- sleep 1000
k kubectl wait --for=condition=Ready pod --all --timeout=100s
k kubectl exec client -- wget -qO- -T 10 http://web.default:8080
kill $up && wait $up
ip -o addr show dev other | grep 10.89.0.1
`
	cmd := exec.CommandContext(bounded(t), "unshare", "--net", "sh", "-c", script)
	cmd.WaitDelay = limit
	cmd.Env = append(os.Environ(), "PROGRAM="+absoluteProgram(t), "DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Hello from pod web") {
		t.Errorf("on a host with the same network: %v\n%s", err, out)
	}
}

// clusterOn starts a cluster in a directory that mount makes.
func clusterOn(t *testing.T, mount func(dir string) error, nodes int) *testCluster {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	if err := mount(dir); err != nil {
		t.Fatal(err)
	}
	c := &testCluster{name: uniqueName("hosts"), dir: dir, flags: []string{"--disable", "ingress"}}
	t.Cleanup(func() {
		c.endForGood(t)
		// It fails where nothing was mounted.
		_ = unix.Unmount(dir, 0)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(c.temporary(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.start(nodes); err != nil {
		t.Fatal(err)
	}
	return c
}

// runsPods proves that pods run on the nodes, and reach each other by a service.
func runsPods(t *testing.T, c *testCluster, nodes ...string) {
	t.Helper()
	for _, node := range nodes {
		c.runOn(t, "default", "web-"+node, node, "kubarium/web:1.0")
	}
	c.kubectl(t, "expose", "pod", "web-"+nodes[0], "--port=80", "--target-port=8080", "--name=web")
	c.runOn(t, "default", "client", nodes[len(nodes)-1], "kubarium/toolbox:1.0", "sleep", "1000")
	c.eventuallyOK(t, "kubectl", "exec", "client", "--", "wget", "-qO-", "-T", "5", "http://web.default")
}
