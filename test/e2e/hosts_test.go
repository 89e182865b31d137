package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			c := clusterOn(t, func(dir string) error { return mountImage(t, kind, dir) }, 1)
			runsPods(t, c, "node-1")
		})
	}
	t.Run("one core and 2 GiB", smallHost)
	t.Run("few capabilities", cappedHost)
	t.Run("cgroups v1 alone", legacyHost)
	t.Run("a minute's sleep", sleepingHost)
	for _, off := range []string{"0", "1"} {
		t.Run("the host has the same network, a firewall, and IPv6 off="+off, func(t *testing.T) { crowdedNetwork(t, off) })
	}
}

// crowdedNetwork runs a cluster in a network namespace that stands for a host: it has the
// addresses that clusters use, and a firewall that forwards nothing, as Docker's.
func crowdedNetwork(t *testing.T, ipv6Off string) {
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const script = `set -e
trap 'kill $up $other 2>/dev/null || true; wait || true' EXIT
for all in all default; do echo $OFF >/proc/sys/net/ipv6/conf/$all/disable_ipv6; done
ip link set lo up
ip link add other type bridge && ip addr add 10.89.0.1/24 dev other && ip link set other up
ip route add 10.96.0.0/12 dev other && ip route add 10.244.0.0/16 dev other
nft -f - <<RULES
table ip filter { chain FORWARD { type filter hook forward priority filter; policy drop; }; }
RULES
nft list ruleset >"$DIR/rules" && ip -o route >"$DIR/routes"
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "10.89.0.1:8000", Listen => 5) or die;
	while ($c = $s->accept) { sysread $c, $_, 999; print $c "HTTP/1.0 200 OK\r\n\r\nthe machine beside\n"; close $c }' & other=$!
k() { command=$1; shift; "$PROGRAM" "$command" --name hosts --data-dir "$DIR" "$@"; }
"$PROGRAM" up --name hosts --data-dir "$DIR" --nodes 2 --disable ingress >"$DIR/out" & up=$!
until grep -q "is ready after" "$DIR/out" 2>/dev/null; do kill -0 $up; sleep 0.2; done
grep "instead of the usual addresses" "$DIR/out"
k kubectl run web --image=kubarium/web:1.0 --port=8080 --expose
k kubectl run client --image=kubarium/toolbox:1.0 --command -- sleep 1000
k kubectl wait --for=condition=Ready pod --all --timeout=100s
k kubectl get nodes,pods,services -A -o wide
k kubectl exec client -- wget -qO- -T 10 http://web.default:8080
k kubectl exec client -- wget -qO- -T 10 http://10.89.0.1:8000
until k kubectl top node node-1; do sleep 0.5; done
nft list ruleset | cmp - "$DIR/rules" && ip -o route | cmp - "$DIR/routes"
kill $up && wait $up
"$PROGRAM" up --name hosts --data-dir "$DIR" --nodes 2 --disable ingress >"$DIR/again" & up=$!
until grep -q "is ready after" "$DIR/again" 2>/dev/null; do kill -0 $up; sleep 0.2; done
k kubectl wait --for=condition=Ready pod --all --timeout=100s
kill $up && wait $up
kill $other
nft list ruleset | cmp - "$DIR/rules" && ip -o route | cmp - "$DIR/routes" && echo unchanged
`
	ctx, cancel := context.WithTimeout(t.Context(), 5*limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--net", "sh", "-c", script)
	cmd.WaitDelay = limit
	cmd.Env = append(os.Environ(), "PROGRAM="+absoluteProgram(t), "DIR="+dir, "OFF="+ipv6Off)
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"Hello from pod web", "the machine beside", "unchanged"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("on a host with the same network, without %q: %v\n%s", want, err, out)
		}
	}
	for line := range strings.Lines(string(out)) {
		for _, taken := range []string{" 10.89.0.", " 10.96.", " 10.244."} {
			if strings.Contains(line, taken) && !strings.Contains(line, "instead of the usual") {
				t.Errorf("the cluster uses what the host has: %s", line)
			}
		}
	}
}

// mountImage makes a disk with a file system, in a file, and mounts it.
func mountImage(t *testing.T, kind, dir string) error {
	t.Helper()
	if known, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(known), "\t"+kind+"\n") && exec.Command("modprobe", kind).Run() != nil {
		t.Skipf("this kernel has no %s", kind)
	}
	image := filepath.Join(t.TempDir(), "disk")
	script := `truncate -s 3G "$1" && mkfs.$2 -q "$1" && mount -o loop "$1" "$3"`
	if out, err := exec.Command("sh", "-c", script, "sh", image, kind, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s (apt-get install e2fsprogs xfsprogs btrfs-progs)", err, out)
	}
	return nil
}

// smallHost runs a cluster of one node on one processor, in a cgroup of 2 GiB that holds
// the node's as well, as on a machine that has no more.
func smallHost(t *testing.T) {
	mount, kind, limitFile, peakFile := "/sys/fs/cgroup/memory", "cgroup -o memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"
	if _, err := os.Stat(mount); err != nil {
		mount, kind, limitFile, peakFile = "/sys/fs/cgroup", "cgroup2", "memory.max", "memory.peak"
		put(t, filepath.Join(mount, "cgroup.subtree_control"), "+memory")
	}
	group := filepath.Join(mount, uniqueName("kubarium-small"))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("find", group, "-depth", "-type", "d", "-delete").Run() })
	put(t, filepath.Join(group, limitFile), fmt.Sprint(2<<30))
	c := &testCluster{name: uniqueName("small"), flags: []string{"--disable", "ingress"}}
	// In a cgroup namespace of its own, the group is all that there is.
	c.wrapper = []string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec unshare --cgroup --mount sh -c 'umount -l "$0" 2>/dev/null; mount -t ` + kind + ` none "$0" && exec taskset -c 0 "$@"' ` + mount + ` "$@"`, group}
	startOn(t, c, func(string) error { return nil }, 1)
	runsPods(t, c, "node-1")
	c.kubectl(t, "create", "deployment", "many", "--image=kubarium/web:1.0", "--replicas=10")
	c.kubectl(t, "rollout", "status", "deployment/many", "--timeout=100s")
	peak, err := os.ReadFile(filepath.Join(group, peakFile))
	if err != nil {
		t.Error(err)
	}
	inside, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil || len(strings.Fields(string(inside))) == 0 {
		t.Errorf("the cluster is not in its cgroup: %q, %v", inside, err)
	}
	t.Logf("at most %s bytes were used, the disk's cache included", strings.TrimSpace(string(peak)))
}

// cappedHost runs a cluster with the capabilities that a start wants, and no others.
func cappedHost(t *testing.T) {
	c := &testCluster{name: uniqueName("hosts"), flags: []string{"--disable", "ingress"}}
	few := "-all,+sys_admin,+net_admin,+sys_chroot,+sys_ptrace,+syslog,+audit_write,+chown,+dac_override,+fowner,+fsetid,+kill,+mknod," +
		"+net_bind_service,+net_raw,+setfcap,+setgid,+setpcap,+setuid"
	c.wrapper = []string{"setpriv", "--inh-caps=-all", "--bounding-set=" + few}
	startOn(t, c, func(string) error { return nil }, 2)
	if out, code := c.try(t, "doctor", "--cluster"); code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// legacyHost runs a cluster where no tree of cgroups v2 is mounted, as before systemd's hybrid.
func legacyHost(t *testing.T) {
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		t.Skip("this machine's controllers are on cgroups v2")
	}
	c := &testCluster{name: uniqueName("hosts"), flags: []string{"--disable", "ingress"}}
	c.wrapper = []string{"unshare", "--mount", "sh", "-c", `! mountpoint -q "$0" || umount "$0" && exec "$@"`, unified}
	startOn(t, c, func(string) error { return nil }, 2)
	runsPods(t, c, "node-1", "node-2")
	looked := 0
	for _, process := range c.processes(t, "") {
		mounts, err := os.ReadFile(filepath.Join("/proc", strings.Fields(process)[0], "mountinfo"))
		if err != nil {
			continue // ended meanwhile
		}
		looked++
		if strings.Contains(string(mounts), " - cgroup2 ") {
			t.Errorf("%s has cgroups v2", process)
		}
	}
	if looked < 8 {
		t.Errorf("only %d processes are found", looked)
	}
}

// sleepingHost stops all processes of a cluster for a minute, and lets them go on.
func sleepingHost(t *testing.T) {
	c := clusterOn(t, func(string) error { return nil }, 2)
	runsPods(t, c, "node-1", "node-2")
	signalAll := func(signal string) {
		t.Helper()
		for _, process := range c.processes(t, "") {
			if err := exec.Command("kill", "-"+signal, strings.Fields(process)[0]).Run(); err != nil {
				t.Logf("%s to %s: %v", signal, process, err)
			}
		}
	}
	if n := len(c.processes(t, "")); n < 8 {
		t.Fatalf("only %d processes are found", n)
	}
	signalAll("STOP")
	if err := c.client.CoreV1().RESTClient().Get().AbsPath("/livez").Timeout(3 * time.Second).Do(bounded(t)).Error(); err == nil {
		t.Error("what sleeps answers")
	}
	time.Sleep(time.Minute)
	signalAll("CONT")
	c.kubectl(t, "wait", "--for=condition=Ready", "node", "--all", "--timeout=100s")
	c.runOn(t, "default", "afterwards", "node-2", "kubarium/web:1.0")
	c.eventuallyOK(t, "kubectl", "exec", "client", "--", "wget", "-qO-", "-T", "5", "http://web.default")
	if err := c.ready(bounded(t), "default", "client", 0); err != nil {
		t.Errorf("the pod that slept: %v", err)
	}
}

// clusterOn starts a cluster in a directory that mount makes.
func clusterOn(t *testing.T, mount func(dir string) error, nodes int) *testCluster {
	t.Helper()
	c := &testCluster{name: uniqueName("hosts"), flags: []string{"--disable", "ingress"}}
	startOn(t, c, mount, nodes)
	return c
}

func startOn(t *testing.T, c *testCluster, mount func(dir string) error, nodes int) {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	if err := mount(dir); err != nil {
		t.Fatal(err)
	}
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
