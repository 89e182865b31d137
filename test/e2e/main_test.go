// Package e2e tests the program from outside, against live clusters that it starts.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster/control"
)

// limit bounds each thing that a test waits for.
const limit = 90 * time.Second

// shared is the cluster that most tests use.
var shared *testCluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("these tests start a cluster and need root")
	}
	if _, err := os.Stat(program()); err != nil {
		return 1, fmt.Errorf("no program to test: %w (build it with 'make build', or name it in KUBARIUM)", err)
	}
	if shared, err = startCluster("shared", 3); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.stop(syscall.SIGTERM), os.RemoveAll(shared.dir)) }()
	return m.Run(), nil
}

// program returns the path of the program under test.
func program() string {
	if path := os.Getenv("KUBARIUM"); path != "" {
		return path
	}
	return "../../bin/kubarium"
}

// testCluster is a cluster in a process of its own.
type testCluster struct {
	name, dir string
	cmd       *exec.Cmd
	out       *bytes.Buffer
	exited    chan struct{}
	client    kubernetes.Interface
}

func startCluster(name string, nodes int) (*testCluster, error) {
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		return nil, err
	}
	c := &testCluster{name: uniqueName(name), dir: dir}
	if err := os.Mkdir(c.temporary(), 0o700); err != nil {
		return nil, err
	}
	return c, c.start(nodes)
}

// uniqueName is a cluster's name that no other run of these tests uses.
func uniqueName(name string) string { return fmt.Sprintf("%s-%d", name, os.Getpid()) }

// temporary is the cluster's own temp folder, so that what it leaves there is seen.
func (c *testCluster) temporary() string { return filepath.Join(c.dir, "tmp") }

// start runs "kubarium up" and waits until it reports that it is ready.
func (c *testCluster) start(nodes int) error {
	c.cmd = exec.Command(program(), "up", "--name", c.name, "--data-dir", c.dir, "--nodes", strconv.Itoa(nodes), "-o", "json")
	c.cmd.Env = append(os.Environ(), "TMPDIR="+c.temporary())
	c.out = &bytes.Buffer{}
	c.cmd.Stderr = c.out
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w (build it with 'make build')", program(), err)
	}
	var info control.Info
	reported := make(chan error, 1)
	c.exited = make(chan struct{})
	go func() {
		reported <- json.NewDecoder(stdout).Decode(&info)
		_ = c.cmd.Wait()
		close(c.exited)
	}()
	select {
	case err := <-reported:
		if err != nil {
			return fmt.Errorf("cluster %s did not report: %w\n%s", c.name, err, c.out)
		}
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("cluster %s is not ready:\n%s", c.name, c.out), c.cmd.Process.Kill())
	}
	config, err := clientcmd.BuildConfigFromFlags("", info.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	c.client, err = kubernetes.NewForConfig(config)
	return err
}

func (c *testCluster) stop(signal os.Signal) error {
	if err := c.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return c.awaitExit()
}

func (c *testCluster) awaitExit() error {
	select {
	case <-c.exited:
		return nil
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("cluster %s does not end", c.name), c.cmd.Process.Kill())
	}
}

// path returns where something lies in the cluster's state directory.
func (c *testCluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir, c.name}, parts...)...)
}

func (c *testCluster) control() *control.Client {
	return control.NewClient(c.path("run", "control.sock"))
}

// kubarium runs the program against the cluster and returns what it printed.
func (c *testCluster) kubarium(t *testing.T, args ...string) string {
	t.Helper()
	out, code := c.try(t, args...)
	if code != 0 {
		t.Fatalf("kubarium %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// kubectl runs the program's kubectl.
func (c *testCluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return c.kubarium(t, append([]string{"kubectl"}, args...)...)
}

// apply creates what a manifest says.
func (c *testCluster) apply(t *testing.T, ns, manifest string) {
	t.Helper()
	cmd := c.command(bounded(t), "kubectl", "-n", ns, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

// command makes a process of the program that means this cluster.
func (c *testCluster) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, program(), append([]string{args[0], "--name", c.name, "--data-dir", c.dir}, args[1:]...)...)
}

// try is kubarium with the exit code instead of a failure.
func (c *testCluster) try(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := c.command(ctx, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("kubarium %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// eventually waits until f returns nil.
func eventually(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// bounded is a context that ends with the test, or when its time is over.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// namespace makes a namespace for one test.
func (c *testCluster) namespace(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.ReplaceAll(filepath.Base(t.Name()), "_", "-"))
	c.kubectl(t, "create", "namespace", name)
	eventually(t, "service account of "+name, func(context.Context) error {
		out, code := c.try(t, "kubectl", "get", "serviceaccount", "default", "-n", name)
		if code != 0 {
			return errors.New(out)
		}
		return nil
	})
	t.Cleanup(func() { c.kubectl(t, "delete", "namespace", name, "--wait=false") })
	return name
}
