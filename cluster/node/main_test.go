package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"kubarium/cluster/node/nodeinit"
)

// patience bounds what is waited for; nothing here takes a tenth of it.
const patience = 20 * time.Second

// binDir holds the first process, built for the tests.
var binDir string

// parentVariable makes the test program a machine's parent that waits to be killed; its
// value is the directory to use.
const parentVariable = "KUBARIUM_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		if err := beParent(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	var err error
	if binDir, err = os.MkdirTemp("", "node-test-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(binDir)
	build := exec.Command("go", "build", "-o", filepath.Join(binDir, InitProgram), "./nodeinit/cmd")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build %s: %w\n%s", InitProgram, err, out)
	}
	return m.Run(), nil
}

func testCgroup() string { return fmt.Sprintf("kubarium/test-%d", os.Getpid()) }

func testSpec(name, dir string) Spec {
	return Spec{
		Name: name, Dir: filepath.Join(dir, "disk"), RunDir: dir, LogDir: filepath.Join(dir, "log"),
		BinDir: binDir, CgroupParent: testCgroup() + "/" + name,
	}
}

// testConfig describes a machine that runs shell scripts: by role, what it does.
func testConfig(spec Spec, scripts map[string]string) (nodeinit.Config, error) {
	for _, dir := range []string{spec.varDir(), spec.rootDir(), spec.LogDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nodeinit.Config{}, err
		}
	}
	config := nodeinit.Config{
		Hostname: spec.Name, MachineID: "0123456789abcdef0123456789abcdef", ProductUUID: uuidOf("0123456789abcdef0123456789abcdef"),
		Root: spec.rootDir(), Var: spec.varDir(), Cgroup: spec.CgroupParent,
		Binds: []nodeinit.Bind{{Source: spec.LogDir, Target: LogDir}},
	}
	for role, script := range scripts {
		config.Processes = append(config.Processes, nodeinit.Process{
			Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=" + nodePath},
			Log: LogDir + "/" + role + ".log", Roles: []string{role},
		})
	}
	return config, nil
}

// startMachine boots a machine; it is killed at the test's end.
func startMachine(t *testing.T, spec Spec, scripts map[string]string) (*Node, <-chan nodeinit.Event) {
	t.Helper()
	events := make(chan nodeinit.Event, 256)
	spec.OnEvent = func(e nodeinit.Event) { events <- e }
	config, err := testConfig(spec, scripts)
	if err != nil {
		t.Fatal(err)
	}
	return bootMachine(t, spec, config), events
}

func bootMachine(t *testing.T, spec Spec, config nodeinit.Config) *Node {
	t.Helper()
	n, err := boot(t.Context(), spec, config, func(int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Kill(); err != nil {
			t.Error(err)
		}
		if err := Sweep(testCgroup()); err != nil {
			t.Error(err)
		}
	})
	return n
}

func start(t *testing.T, n *Node, role string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.StartRole(ctx, role); err != nil {
		t.Fatal(err)
	}
}

// awaitEvent skips events up to one of that kind.
func awaitEvent(t *testing.T, events <-chan nodeinit.Event, kind, role string) nodeinit.Event {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e := <-events:
			if e.Kind == kind && e.Role == role {
				return e
			}
		case <-limit:
			t.Fatalf("no event %s of %s", kind, role)
		}
	}
}

// eventually waits for what the kernel tells nobody.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

// beParent starts a machine and prints its process number, then waits.
func beParent(dir string) error {
	binDir = filepath.Join(dir, "bin")
	spec := testSpec("orphan", dir)
	config, err := testConfig(spec, map[string]string{"sleeper": "exec sleep 1000"})
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	n, err := boot(ctx, spec, config, func(int) error { return nil })
	if err != nil {
		return err
	}
	if err := n.StartRole(ctx, "sleeper"); err != nil {
		return err
	}
	fmt.Println(n.PID())
	<-ctx.Done()
	return nil
}
