package fault

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a cluster of components only.
type world struct {
	World
	mu      sync.Mutex
	stopped map[string]bool
	// failures are how often starts fail before one works.
	failures int
	machine  Machine
}

func (w *world) Machine(string) (Machine, error) { return w.machine, nil }
func (w *world) KubeletKubeconfig(_ string, expired bool) ([]byte, error) {
	if expired {
		return []byte("expired"), nil
	}
	return []byte("good"), nil
}

func (w *world) Log() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) StopComponent(_ context.Context, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name == "nonsense" {
		return errors.New("there is no such component")
	}
	w.stopped[name] = true
	return nil
}

func (w *world) StartComponent(_ context.Context, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failures > 0 {
		w.failures--
		return errors.New("not yet")
	}
	delete(w.stopped, name)
	return nil
}

func (w *world) isStopped(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped[name]
}

func newWorld() (*world, *Manager) {
	w := &world{stopped: map[string]bool{}}
	return w, NewManager(w)
}

// awaitNone waits until no fault is active.
func awaitNone(t *testing.T, m *Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for active := range m.Watch(ctx) {
		if len(active) == 0 {
			return
		}
	}
	t.Fatalf("still active: %+v", m.Active())
}

func TestAFaultLastsUntilItIsHealed(t *testing.T) {
	w, m := newWorld()
	active, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "etcd"})
	if err != nil {
		t.Fatal(err)
	}
	if !w.isStopped("etcd") || active.Until.Sub(active.Since) != usual || active.Expect == "" {
		t.Errorf("after the injection: stopped %t, %+v", w.isStopped("etcd"), active)
	}
	if _, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "etcd"}); err == nil {
		t.Error("the same fault was injected twice")
	}
	healed, err := m.Heal(t.Context(), "component-stop", "")
	if err != nil || len(healed) != 1 || w.isStopped("etcd") || len(m.Active()) != 0 {
		t.Errorf("after the heal: %v, %+v, stopped %t, active %v", err, healed, w.isStopped("etcd"), m.Active())
	}
}

func TestAFaultEndsAfterItsLimit(t *testing.T) {
	w, m := newWorld()
	// The first attempt to heal fails: another is made.
	w.failures = 1
	if _, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "etcd", For: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	awaitNone(t, m)
	if w.isStopped("etcd") {
		t.Error("the limit is over, and the component is stopped")
	}
}

func TestAFaultThatDoesNotHealStaysActive(t *testing.T) {
	w, m := newWorld()
	if _, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "etcd"}); err != nil {
		t.Fatal(err)
	}
	w.failures = 1
	if _, err := m.Heal(t.Context(), "", ""); err == nil {
		t.Error("the failure was not told")
	}
	if active := m.Active(); len(active) != 1 || active[0].Trouble != "not yet" {
		t.Errorf("active: %+v", active)
	}
	if _, err := m.Heal(t.Context(), "", ""); err != nil || len(m.Active()) != 0 {
		t.Errorf("second attempt: %v, active %v", err, m.Active())
	}
}

func TestWhatWasNotInjectedIsNotActive(t *testing.T) {
	_, m := newWorld()
	for order, want := range map[*Order]string{
		{Name: "nonsense", Target: "etcd"}:                                                "there is no fault",
		{Name: "component-stop", Target: "nonsense"}:                                      "no such component",
		{Name: "component-stop"}:                                                          "needs a target",
		{Name: "component-stop", Target: "etcd", For: 2 * longest}:                        "at most",
		{Name: "component-stop", Target: "etcd", For: -time.Second}:                       "positive",
		{Name: "component-stop", Target: "etcd", Params: map[string]string{"colour": ""}}: "no parameter",
		{Name: "component-stop", Target: "node-1/etcd"}:                                   "no daemon",
		{Name: "container-kill", Target: "web", For: time.Second}:                         "at once",
		{Name: "dns-skew", Target: "not a name"}:                                          "no DNS name",
		{Name: "dns-skew", Target: "web", Params: map[string]string{"answer": "::1"}}:     "IPv4",
	} {
		if _, err := m.Inject(t.Context(), *order); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q in it", *order, err, want)
		}
	}
	if active := m.Active(); len(active) != 0 {
		t.Errorf("active: %+v", active)
	}
}

func TestAClosedManagerTakesNoFaults(t *testing.T) {
	_, m := newWorld()
	if _, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "etcd"}); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Inject(t.Context(), Order{Name: "component-stop", Target: "kube-apiserver"}); err == nil || len(m.Active()) != 0 {
		t.Errorf("after the end: %v, active %v", err, m.Active())
	}
}

// TestCatalogue holds each fault to what it has to tell.
func TestCatalogue(t *testing.T) {
	page, err := os.ReadFile("../../docs/FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range Catalogue() {
		if seen[f.Name] || f.Target == "" || f.Summary == "" || !strings.HasSuffix(f.Expect, ".") || f.inject == nil {
			t.Errorf("incomplete, or there twice: %+v", f)
		}
		if f.Default > f.Max || (f.Default == 0) != (f.Max == 0) {
			t.Errorf("%s lasts %s, at most %s", f.Name, f.Default, f.Max)
		}
		seen[f.Name] = true
		if !strings.Contains(string(page), "| `"+f.Name+"` |") {
			t.Errorf("docs/FAULTS.md does not tell of %s", f.Name)
		}
	}
}
