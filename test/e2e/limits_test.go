package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubarium/cluster/pki"
)

// TestLimits starts clusters where they can't run: each says why, in one sentence with
// the remedy, and leaves nothing.
func TestLimits(t *testing.T) {
	before, err := look("limits")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		// prepare makes the machine so; what it returns runs before the program.
		prepare func(t *testing.T, dir, state string) (shell string)
		want    string
	}{
		{"inotify", func(*testing.T, string, string) string {
			return "exec unshare --user --map-root-user sh -c 'echo 10 >/proc/sys/user/max_inotify_instances && exec \"$@\"' sh"
		}, "sysctl fs.inotify.max_user_instances"},
		{"disk", func(t *testing.T, dir, _ string) string { mountTmpfs(t, dir, "size=50m"); return "exec" }, "free some space"},
		{"inodes", func(t *testing.T, dir, _ string) string {
			mountTmpfs(t, dir, "size=1g,nr_inodes=200")
			return "exec"
		}, "more files only"},
		{"threads", inCgroup("pids", "pids.max", "pids.max", "100"), "pids.max"},
		{"memory", inCgroup("memory", "memory.limit_in_bytes", "memory.max", "300000000"), "of memory, and a start of 1 nodes takes"},
		{"memory of a container", inContainer("300000000"), "cgroup / may have 286 MiB of memory"},
		{"older data", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "cluster.json"), `{"nodes":[]}`)
			return "exec"
		}, "another version of kubarium"},
		{"newer data", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "cluster.json"), `{"version":99}`)
			return "exec"
		}, "another version of kubarium"},
		{"data of a newer Kubernetes", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "cluster.json"), `{"version":1,"kubernetes":"1.99","nextNode":1}`)
			return "exec"
		}, "use a kubarium that has 1.99 or later"},
		{"torn state", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "cluster.json"), `{"version":1,"po`)
			return "exec"
		}, "'kubarium reset' starts over"},
		{"torn authority", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "pki/ca.crt"), "")
			put(t, filepath.Join(state, "pki/ca.key"), "")
			return "exec"
		}, "or start over with 'kubarium reset'"},
		{"clock", func(t *testing.T, _, state string) string {
			// Made by a clock that says it is the year 2000.
			synctest.Test(t, func(t *testing.T) {
				if _, err := pki.Open(filepath.Join(state, "pki")); err != nil {
					t.Fatal(err)
				}
			})
			return "exec"
		}, "set the clock"},
		{"capabilities", func(*testing.T, string, string) string {
			return "exec setpriv --inh-caps=-net_admin,-syslog --bounding-set=-net_admin,-syslog"
		}, "without the capabilities NET_ADMIN, SYSLOG: give them"},
		{"torn etcd", func(t *testing.T, _, state string) string {
			put(t, filepath.Join(state, "etcd/member/snap/db"), strings.Repeat("nonsense", 1000))
			put(t, filepath.Join(state, "etcd/member/wal/0000000000000000-0000000000000000.wal"), strings.Repeat("nonsense", 1000))
			return "exec"
		}, "restore its files from a copy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("/var/tmp", "kb")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			name := uniqueName("limits")
			shell := test.prepare(t, dir, filepath.Join(dir, name))
			data := contents(t, filepath.Join(dir, name))
			cmd := exec.CommandContext(bounded(t), "sh", "-c", shell+` "$@"`, "sh", program(), "up", "--name", name, "--data-dir", dir, "--nodes", "1")
			out, _ := cmd.CombinedOutput()
			text := string(out)
			last := text[strings.LastIndex(strings.TrimRight(text, "\n"), "\n")+1:]
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(last, test.want) || !strings.HasPrefix(last, "Error: ") {
				t.Errorf("exit code %d, want a sentence with %q:\n%s", cmd.ProcessState.ExitCode(), test.want, text)
			}
			after := contents(t, filepath.Join(dir, name))
			for path, content := range data {
				if after[path] != content {
					t.Errorf("the refused start changed %s, which was %x and is %x", path, content, after[path])
				}
			}
			before.compare(t, "after the start", "limits", "mounts")
		})
	}
}

// contents are the hashes of all files of a cluster, by their paths. Its lock and its logs are
// for each start.
func contents(t *testing.T, state string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(state, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // There is no data.
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "logs":
			return fs.SkipDir
		case !entry.Type().IsRegular() || entry.Name() == "lock":
			return nil
		}
		data, err := os.ReadFile(path)
		hash := sha256.Sum256(data)
		all[path] = string(hash[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// inCgroup runs the program in a cgroup with a limit, of the file that cgroup v1 or v2 has
// for it.
func inCgroup(controller, v1, v2, limit string) func(t *testing.T, _, _ string) string {
	return func(t *testing.T, _, _ string) string {
		t.Helper()
		parent, file := filepath.Join("/sys/fs/cgroup", controller), v1
		if _, err := os.Stat(parent); err != nil {
			parent, file = "/sys/fs/cgroup", v2
			put(t, filepath.Join(parent, "cgroup.subtree_control"), "+"+controller)
		}
		group := filepath.Join(parent, uniqueName("kubarium-test"))
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(group); err != nil {
				t.Error(err)
			}
		})
		put(t, filepath.Join(group, file), limit)
		return "echo $$ >" + group + "/cgroup.procs && exec"
	}
}

// inContainer runs the program in a cgroup namespace, as containers have it, whose topmost cgroup
// has a limit of memory.
func inContainer(limit string) func(t *testing.T, _, _ string) string {
	return func(t *testing.T, dir, state string) string {
		t.Helper()
		enter := inCgroup("memory", "memory.limit_in_bytes", "memory.max", limit)(t, dir, state)
		mount := "umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
		if _, err := os.Stat("/sys/fs/cgroup/memory"); err == nil {
			mount = "umount -l /sys/fs/cgroup/memory && mount -t cgroup -o memory none /sys/fs/cgroup/memory"
		}
		return enter + " unshare --cgroup --mount sh -c '" + mount + ` && exec "$@"' sh`
	}
}

// put writes a file, in directories that it makes.
func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNodePortIsTaken proves that a Service says when the host has its port no more, and
// when it has it again.
func TestNodePortIsTaken(t *testing.T) {
	ns := shared.namespace(t)
	var other net.Listener
	port := 30000
	for ; other == nil && port < 32768; port++ {
		other, _ = net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	}
	if other == nil {
		t.Fatal("no port is free")
	}
	port--
	defer other.Close()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "taken"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": "taken"},
			Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: int32(port)}},
		},
	}
	if _, err := shared.client.CoreV1().Services(ns).Create(bounded(t), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	expectEvent := func(reason string) {
		t.Helper()
		eventually(t, "event "+reason, func(ctx context.Context) error {
			list, err := shared.client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=taken,reason=" + reason})
			if err == nil && len(list.Items) == 0 {
				err = fmt.Errorf("the Service on port %d has no such event", port)
			}
			return err
		})
	}
	expectEvent("NodePortBlocked")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	expectEvent("NodePortFree")
}

// TestClosedTerminalEndsTheApp closes the app's terminal under it.
func TestClosedTerminalEndsTheApp(t *testing.T) {
	before, err := look("closed")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &testCluster{name: uniqueName("closed"), dir: dir}
	if err := os.Mkdir(c.temporary(), 0o700); err != nil {
		t.Fatal(err)
	}
	// The program script is the terminal, which ends when it is killed.
	line := strings.Join([]string{absoluteProgram(t), "--name", c.name, "--data-dir", dir, "--nodes", "1"}, " ")
	terminal := exec.Command("script", "--quiet", "--command", line, "/dev/null")
	terminal.Env = append(os.Environ(), "TERM=xterm-256color", "TMPDIR="+c.temporary(), "XDG_STATE_HOME="+filepath.Join(dir, "user"))
	terminal.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := terminal.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "start of the app's cluster", func(ctx context.Context) error {
		_, err := c.control().Info(ctx)
		return err
	})
	if err := terminal.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Wait()
	eventually(t, "end of the app whose terminal was closed", func(context.Context) error {
		if left := c.processes(t, ""); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
	before.compare(t, "after the terminal was closed", "closed")
}

// TestStopWhileStarting stops the program at several moments of its start.
func TestStopWhileStarting(t *testing.T) {
	before, err := look("early")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, after := range []time.Duration{50, 200, 400, 800, 1500} {
		cmd := exec.CommandContext(bounded(t), program(), "up", "--name", uniqueName("early"), "--data-dir", dir, "--nodes", "1")
		var told strings.Builder
		cmd.Stdout, cmd.Stderr = &told, &told
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		// In the first instant nobody listens to signals yet.
		if err := cmd.Wait(); err != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("stopped %d ms after its start: %v\n%s", after, err, told.String())
		}
		before.compare(t, fmt.Sprintf("after a stop in the start's %dth ms", after), "early")
	}
}
