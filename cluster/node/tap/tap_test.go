package tap

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"kubarium/cluster/trace"
	"kubarium/cluster/unixsocket"
)

const uid = "0123abcd-0123-4567-89ab-0123456789ab"

// kept is what a tap has seen.
func kept(t *testing.T, seen *Tap) []trace.Event {
	t.Helper()
	var list []trace.Event
	if err := seen.Store().Kept(func(e trace.Event) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSinkHearsTheKubelet(t *testing.T) {
	seen := New("node-1")
	var logged []string
	file := funcr.New(func(_, line string) { logged = append(logged, line) }, funcr.Options{})
	log := logr.New(seen.Sink(file.GetSink(), func(value any) (LifecycleEvent, bool) {
		e, ok := value.(LifecycleEvent)
		return e, ok
	}))
	pod := klog.ObjectRef{Namespace: "shop", Name: "web"}
	log.V(3).Info("Probe succeeded", "probeType", "Readiness", "pod", pod, "podUID", uid, "containerName", "box")
	log.V(3).Info("Probe target container not found", "pod", pod)
	log.V(1).Info("Probe failed", "probeType", "Liveness", "pod", pod, "podUID", uid, "containerName", "box", "output", "no\n")
	log.V(2).Info("SyncLoop (PLEG): event for pod", "pod", pod, "event", LifecycleEvent{Type: "ContainerDied", UID: uid, Data: "c1"})
	log.V(3).Info("Patch status for pod", "pod", pod, "podUID", uid, "patch", `{"status":{}}`)
	log.V(1).Info(`MountVolume.SetUp succeeded for volume "data" (UniqueName: "x") pod "web" (UID: "`+uid+`") `, "pod", pod)
	log.V(2).Info("SyncLoop ADD", "source", "api", "pods", []string{})
	log.Error(errors.New("no such image"), "Error syncing pod", "pod", pod, "podUID", uid)
	log.Info("Nothing of interest")
	want := []string{
		"probe readiness of container box succeeded", "probe liveness of container box failed: no",
		"notice ContainerDied c1", `status {"status":{}}`, "volume MountVolume.SetUp succeeded: data", "fail Error syncing pod: no such image",
	}
	events := kept(t, seen)
	if len(events) != len(want) {
		t.Fatalf("heard %d, want %d: %v", len(events), len(want), events)
	}
	for i, e := range events {
		if got := e.Verb + " " + e.Detail; got != want[i] || e.Object.UID != uid || e.Object.Name != "web" || e.Fields["node"] != "node-1" {
			t.Errorf("heard %q of %+v, want %q", got, e.Object, want[i])
		}
	}
	// What is louder than before is for the tap only.
	if len(logged) != 2 {
		t.Errorf("the log has %q", logged)
	}
}

// TestRepeatedProbesAreRoutine tells probes that find what they found before from others.
func TestRepeatedProbesAreRoutine(t *testing.T) {
	seen := New("node-1")
	log := logr.New(seen.Sink(logr.Discard().WithSink(silent{}).GetSink(), func(any) (LifecycleEvent, bool) { return LifecycleEvent{}, false }))
	pod := klog.ObjectRef{Namespace: "shop", Name: "web"}
	for _, said := range []struct{ what, kind, container string }{
		{"succeeded", "Readiness", "box"}, {"succeeded", "Readiness", "box"}, {"succeeded", "Liveness", "box"}, {"succeeded", "Readiness", "other"},
		{"failed", "Readiness", "box"}, {"failed", "Readiness", "box"}, {"succeeded", "Readiness", "box"},
	} {
		log.V(3).Info("Probe "+said.what, "probeType", said.kind, "pod", pod, "podUID", uid, "containerName", said.container)
	}
	var routine []bool
	for _, e := range kept(t, seen) {
		routine = append(routine, trace.Routine(e))
	}
	if want := []bool{false, true, false, false, false, true, false}; !slices.Equal(routine, want) {
		t.Errorf("routine are %v, want %v", routine, want)
	}
}

// runtime is one that has a container, or fails.
type fakeRuntime struct {
	internalapi.RuntimeService
	err error
}

func (f fakeRuntime) CreateContainer(context.Context, string, *runtimeapi.ContainerConfig, *runtimeapi.PodSandboxConfig) (string, error) {
	return "c1", f.err
}
func (f fakeRuntime) StartContainer(context.Context, string) error { return f.err }
func (f fakeRuntime) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	return &runtimeapi.ContainerStatusResponse{Info: map[string]string{"info": `{"sandboxID":"s1","pid":231}`}}, f.err
}
func (f fakeRuntime) RemoveContainer(context.Context, string) error { return f.err }
func (f fakeRuntime) ListContainers(context.Context, *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	return nil, f.err
}

func TestCallsAreKeptWithoutSecrets(t *testing.T) {
	seen, ctx := New("node-1"), t.Context()
	config := &runtimeapi.ContainerConfig{
		Command: []string{"run", "--word=hidden"}, Args: []string{"serve", "on=1"},
		Envs:   []*runtimeapi.KeyValue{{Key: "ON", Value: []byte("1")}, {Key: "WORD", Value: []byte("hidden")}},
		Labels: map[string]string{labelPodName: "web", labelPodNamespace: "shop", labelPodUID: uid, labelContainerName: "box"},
	}
	service := seen.Runtime(fakeRuntime{})
	if id, err := service.CreateContainer(ctx, "s1", config, nil); id != "c1" || err != nil {
		t.Errorf("the call through the tap gives %q, %v", id, err)
	}
	failing := seen.Runtime(fakeRuntime{err: errors.New("no room")})
	if err := failing.StartContainer(ctx, "c1"); err == nil {
		t.Error("the call's error is lost")
	}
	if err := service.StartContainer(ctx, "c1"); err != nil {
		t.Error(err)
	}
	if _, err := service.ListContainers(ctx, nil); err != nil {
		t.Error(err)
	}
	events := kept(t, seen)
	if len(events) != 3 {
		t.Fatalf("kept %v", events)
	}
	if e := events[2]; e.Fields[trace.PID] != "231" || !strings.HasSuffix(e.Detail, ", process 231") {
		t.Errorf("the container that starts is kept as %+v", e)
	}
	created, started := events[0], events[1]
	if request := created.Fields["request"]; !strings.Contains(request, `"serve"`) || !strings.Contains(request, `"on=1"`) || !strings.Contains(request, "WORD") || strings.Contains(request, "hidden") || strings.Contains(request, "aGlkZGVu") {
		t.Errorf("the request is kept as %s", request)
	}
	if string(config.Envs[1].Value) != "hidden" || config.Command[1] != "--word=hidden" {
		t.Error("the tap changed what the runtime is told")
	}
	// It is known by its ID only, which the tap saw before.
	if started.Object.UID != uid || started.Fields["container"] != "box" || started.Fields["error"] != "no room" {
		t.Errorf("the start is kept as %+v", started)
	}
	counts := map[string]Calls{}
	for _, c := range seen.Counts() {
		counts[c.Method] = c
	}
	if counts["ListContainers"].Count != 1 || counts["StartContainer"].Failed != 1 || len(counts) != 3 {
		t.Errorf("counts %+v", counts)
	}
}

func TestServeTellsWhatIsLost(t *testing.T) {
	seen, ctx := New("node-1"), t.Context()
	const added = limit / 100
	for range added {
		seen.add(trace.Event{Verb: "probe"}, "probe")
	}
	socket := filepath.Join(t.TempDir(), "tap.sock")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- seen.Serve(ctx, socket) }()
	client, n, missing := NewClient(unixsocket.At(socket)), 0, uint64(0)
	for n == 0 && ctx.Err() == nil {
		_ = client.Follow(ctx, func(_ trace.Event, lost uint64) {
			n++
			missing += lost
			if n+int(missing) == added {
				cancel()
			}
		})
	}
	if n+int(missing) != added || n == 0 || missing == 0 {
		t.Errorf("of %d events %d came, %d are said to be lost", added, n, missing)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// BenchmarkSink is what a message costs that is of no interest, and one that is kept.
func BenchmarkSink(b *testing.B) {
	log := logr.New(New("node-1").Sink(logr.Discard().WithSink(silent{}).GetSink(), func(any) (LifecycleEvent, bool) { return LifecycleEvent{}, false }))
	pod := klog.ObjectRef{Namespace: "shop", Name: "web"}
	b.Run("other", func(b *testing.B) {
		for b.Loop() {
			log.V(3).Info("Ignoring same status for pod", "pod", pod, "status", uid)
		}
	})
	b.Run("probe", func(b *testing.B) {
		for b.Loop() {
			log.V(3).Info("Probe succeeded", "probeType", "Readiness", "pod", pod, "podUID", uid, "containerName", "box")
		}
	})
}

// silent takes nothing.
type silent struct{}

func (silent) Init(logr.RuntimeInfo)            {}
func (silent) Enabled(int) bool                 { return false }
func (silent) Info(int, string, ...any)         {}
func (silent) Error(error, string, ...any)      {}
func (s silent) WithValues(...any) logr.LogSink { return s }
func (s silent) WithName(string) logr.LogSink   { return s }
