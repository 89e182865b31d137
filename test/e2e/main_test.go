// Package e2e tests the program from outside, against live clusters that it starts.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"

	"kubarium/cluster/control"
)

// limit bounds each thing that a test waits for.
const limit = 2 * time.Minute

// shared is the cluster that most tests use.
var shared *testCluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		// Not only a failure: what is left behind is no matter of a test that could be run again.
		panic(err)
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
	before, err := look("")
	if err != nil {
		return 1, err
	}
	if shared, err = startCluster("shared", 3); err != nil {
		return 1, errors.Join(fmt.Errorf("%w\n%s", err, shared.messages()), shared.stop(syscall.SIGTERM), os.RemoveAll(shared.dir))
	}
	flag.Parse()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	playing = playLessons(ctx)
	code = m.Run()
	cancel()
	for _, p := range playing {
		<-p.done
	}
	if code != 0 {
		// Not on the screen: what failed would be far above it.
		logs := filepath.Join(os.TempDir(), shared.name+".log")
		fmt.Fprintln(os.Stderr, "The shared cluster's last words are in", logs)
		if err := os.WriteFile(logs, []byte(shared.messages()), 0o600); err != nil {
			return code, err
		}
	}
	if err := errors.Join(shared.stop(syscall.SIGTERM), os.RemoveAll(shared.dir)); err != nil {
		return 1, err
	}
	after, err := look("")
	if err != nil {
		return 1, err
	}
	if told := before.differences(after); told != "" {
		return 1, errors.New("after all tests, the machine differs:\n" + told)
	}
	return code, nil
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
	// flags are added to those of every start.
	flags []string
	// wrapper, if there is one, is the command that runs the program.
	wrapper []string
	cmd     *exec.Cmd
	out     *bytes.Buffer
	exited  chan struct{}
	client  kubernetes.Interface
	config  *rest.Config
}

func startCluster(name string, nodes int, flags ...string) (*testCluster, error) {
	dir, err := os.MkdirTemp("/var/tmp", "kb")
	if err != nil {
		return &testCluster{}, err
	}
	c := &testCluster{name: uniqueName(name), dir: dir, flags: flags, out: &bytes.Buffer{}}
	if err := os.Mkdir(c.temporary(), 0o700); err != nil {
		return c, err
	}
	return c, c.start(nodes)
}

// newCluster starts a cluster for one test.
func newCluster(t *testing.T, name string, nodes int, flags ...string) *testCluster {
	t.Helper()
	c, err := startCluster(name, nodes, flags...)
	t.Cleanup(func() {
		c.endForGood(t)
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sibling starts a cluster of another name in the same directory.
func (c *testCluster) sibling(t *testing.T, name string) *testCluster {
	t.Helper()
	s := &testCluster{name: uniqueName(name), dir: c.dir}
	t.Cleanup(func() { s.endForGood(t) })
	s.again(t)
	return s
}

// endForGood ends the cluster if it runs, and shows its messages when a test failed.
func (c *testCluster) endForGood(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Log(c.messages())
	}
	c.end(t, syscall.SIGTERM)
}

// again starts the cluster on what it left.
func (c *testCluster) again(t *testing.T) {
	t.Helper()
	if err := c.start(1); err != nil {
		t.Fatal(err)
	}
}

// end stops the cluster by a signal.
func (c *testCluster) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := c.stop(signal); err != nil {
		t.Fatal(err)
	}
}

// uniqueName is a cluster's name that no other run of these tests uses.
func uniqueName(name string) string { return fmt.Sprintf("%s-%d", name, os.Getpid()) }

// temporary is the cluster's own temp folder, so that what it leaves there is seen.
func (c *testCluster) temporary() string { return filepath.Join(c.dir, "tmp") }

// start runs "kubarium up" and waits until it reports that it is ready.
func (c *testCluster) start(nodes int) error {
	args := []string{"up", "--name", c.name, "--data-dir", c.dir, "--nodes", strconv.Itoa(nodes), "-o", "json"}
	line := append(append(slices.Clone(c.wrapper), program()), append(args, c.flags...)...)
	c.cmd = exec.Command(line[0], line[1:]...)
	c.cmd.Env = append(os.Environ(), "TMPDIR="+c.temporary())
	// Whatever becomes of the tests, the cluster ends with them.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
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
			return fmt.Errorf("cluster %s did not report: %w", c.name, err)
		}
	case <-time.After(limit):
		return fmt.Errorf("cluster %s is not ready", c.name)
	}
	config, err := clientcmd.BuildConfigFromFlags("", info.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	c.config = config
	c.client, err = kubernetes.NewForConfig(config)
	return err
}

func (c *testCluster) stop(signal os.Signal) error {
	if c.exited == nil {
		return nil
	}
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

// messages are the ends of all that the cluster wrote, for who looks into a failure.
func (c *testCluster) messages() string {
	var told strings.Builder
	fmt.Fprintf(&told, "cluster %s wrote:\n%s", c.name, c.out)
	files, _ := filepath.Glob(c.path("logs", "*.log"))
	ofNodes, _ := filepath.Glob(c.path("logs", "*", "*.log"))
	for _, file := range append(files, ofNodes...) {
		data, _ := os.ReadFile(file)
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		fmt.Fprintf(&told, "--- %s\n%s\n", file, strings.Join(lines[max(0, len(lines)-8):], "\n"))
	}
	return told.String()
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

// output is what the program printed for other programs, without what it told people beside it.
func (c *testCluster) output(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := c.command(ctx, args...).Output()
	if err != nil {
		t.Fatalf("kubarium %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// exec runs a command in a pod, without a process of ours: for tests that do it often.
func (c *testCluster) exec(ctx context.Context, ns, pod string, command ...string) (string, error) {
	request := c.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdout: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(c.config, "GET", request.URL().String())
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out})
	return out.String(), err
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

// eventuallyOK waits until the program, with these arguments, succeeds.
func (c *testCluster) eventuallyOK(t *testing.T, args ...string) {
	t.Helper()
	eventually(t, strings.Join(args, " "), func(context.Context) error {
		if out, code := c.try(t, args...); code != 0 {
			return errors.New(out)
		}
		return nil
	})
}

// namespace makes a namespace for one test.
func (c *testCluster) namespace(t *testing.T) string {
	t.Helper()
	return c.namespaceNamed(t, strings.ToLower(strings.ReplaceAll(filepath.Base(t.Name()), "_", "-")))
}

// namespaceNamed makes a namespace for a test that has several.
func (c *testCluster) namespaceNamed(t *testing.T, name string) string {
	t.Helper()
	c.kubectl(t, "create", "namespace", name)
	c.eventuallyOK(t, "kubectl", "get", "serviceaccount", "default", "-n", name)
	t.Cleanup(func() { c.kubectl(t, "delete", "namespace", name, "--wait=false") })
	return name
}
