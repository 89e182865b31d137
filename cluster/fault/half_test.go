package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"kubarium/cluster/node"
)

// machine is a node with a kubelet that does not start so many times.
type machine struct {
	Machine
	dir      string
	failures int
	runs     bool
}

func (m *machine) Path(inside string) string { return filepath.Join(m.dir, inside) }
func (m *machine) Done() <-chan struct{}     { return nil }

func (m *machine) ReadFile(inside string) ([]byte, error) { return os.ReadFile(m.Path(inside)) }
func (m *machine) ReplaceFile(inside string, content []byte) error {
	return os.WriteFile(m.Path(inside), content, 0o600)
}

func (m *machine) StopRole(context.Context, string) error {
	m.runs = false
	return nil
}

func (m *machine) StartRole(context.Context, string) error {
	if m.failures > 0 {
		m.failures--
		return errors.New("it does not start")
	}
	m.runs = true
	return nil
}

// newMachine puts a node with a kubelet into the world.
func newMachine(t *testing.T, w *world) *machine {
	t.Helper()
	m := &machine{dir: t.TempDir(), runs: true}
	for _, path := range []string{node.KubeletConfigPath, node.KubeletKubeconfig} {
		if err := os.MkdirAll(filepath.Dir(m.Path(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.Path(path), []byte("good"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.machine = m
	return m
}

func (m *machine) check(t *testing.T) {
	t.Helper()
	for _, path := range []string{node.KubeletConfigPath, node.KubeletKubeconfig} {
		if content, err := os.ReadFile(m.Path(path)); err != nil || string(content) != "good" {
			t.Errorf("%s has %q, %v", path, content, err)
		}
	}
	if !m.runs {
		t.Error("the kubelet is off")
	}
}

// TestWhatFailsInTheMiddleIsHealed has the kubelet not start once its file is broken.
func TestWhatFailsInTheMiddleIsHealed(t *testing.T) {
	for _, name := range []string{"kubelet-config-corrupt", "certificate-expired", "component-stop"} {
		target := "node-1"
		w, m := newWorld()
		broken := newMachine(t, w)
		broken.failures = 1
		if name == "component-stop" {
			// Here it is the stop of which nobody heard how it ended.
			target, broken.failures, w.machine = "node-1/kubelet", 0, lateMachine{broken}
		}
		if _, err := m.Inject(t.Context(), Order{Name: name, Target: target}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if active := m.Active(); len(active) != 0 {
			t.Errorf("%s: active: %+v", name, active)
		}
		broken.check(t)
	}
}

// lateMachine stops its kubelet, and tells of an error all the same.
type lateMachine struct{ *machine }

func (m lateMachine) StopRole(ctx context.Context, role string) error {
	return errors.Join(m.machine.StopRole(ctx, role), context.DeadlineExceeded)
}

// TestWhatDoesNotHealAtOnceStaysActive has the kubelet not start for the heal either.
func TestWhatDoesNotHealAtOnceStaysActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld()
		broken := newMachine(t, w)
		broken.failures = 3
		if _, err := m.Inject(t.Context(), Order{Name: "kubelet-config-corrupt", Target: "node-1"}); err == nil || !strings.Contains(err.Error(), "does not heal yet") {
			t.Errorf("error %v", err)
		}
		if active := m.Active(); len(active) != 1 || active[0].Trouble == "" {
			t.Errorf("active: %+v", active)
		}
		awaitNone(t, m)
		broken.check(t)
	})
}

// TestATargetHasOneName writes node/node-1 where others write node-1.
func TestATargetHasOneName(t *testing.T) {
	w, m := newWorld()
	newMachine(t, w)
	if active, err := m.Inject(t.Context(), Order{Name: "kubelet-config-corrupt", Target: "node/node-1"}); err != nil || active.Target != "node-1" {
		t.Fatalf("%+v, %v", active, err)
	}
	for _, name := range []string{"kubelet-config-corrupt", "disk-pressure"} {
		if _, err := m.Inject(t.Context(), Order{Name: name, Target: "node-1"}); err == nil || !strings.Contains(err.Error(), "heal it first") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if healed, err := m.Heal(t.Context(), "", "node/node-1"); err != nil || len(healed) != 1 {
		t.Errorf("healed %+v, %v", healed, err)
	}
}

// OwnDisk says that the node has none.
func (m *machine) OwnDisk() bool { return false }

// OpenRoot has the node's directories on this machine's disk.
func (m *machine) OpenRoot(string) (*os.Root, error) { return os.OpenRoot(m.dir) }

// TestAHealedDiskLeavesTheClock changes the kubelet's configuration while a threshold is raised.
func TestAHealedDiskLeavesTheClock(t *testing.T) {
	for _, had := range []string{"evictionHard:\n  imagefs.available: 1%\n  nodefs.available: 5%\n", "evictionHard:\n  imagefs.available: 1%\n", ""} {
		w, m := newWorld()
		file := newMachine(t, w).Path(node.KubeletConfigPath)
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		read := func() string {
			t.Helper()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimPrefix(string(content), "{}\n")
		}
		write(had)
		if _, err := m.Inject(t.Context(), Order{Name: "disk-pressure", Target: "node-1"}); err != nil {
			t.Fatal(err)
		}
		if read() == had {
			t.Error("no threshold is raised")
		}
		write(read() + "nodeLeaseDurationSeconds: 8\n")
		if _, err := m.Heal(t.Context(), "disk-pressure", ""); err != nil {
			t.Fatal(err)
		}
		if got, want := read(), had+"nodeLeaseDurationSeconds: 8\n"; got != want {
			t.Errorf("healed, the configuration is\n%s\nwant\n%s", got, want)
		}
	}
}

// TestAVictimIsSpared chooses a process for the kernel, and takes it back.
func TestAVictimIsSpared(t *testing.T) {
	process := exec.Command("sleep", "100")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer process.Wait()
	defer process.Process.Kill()
	score := func() string {
		t.Helper()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", process.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	had := score()
	spare, err := chooseVictim(process.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if got := score(); got != "1000" {
		t.Errorf("chosen, its score is %s", got)
	}
	if err := spare(); err != nil || score() != had {
		t.Errorf("spared, its score is %s, and was %s: %v", score(), had, err)
	}
}
