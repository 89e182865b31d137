package tap

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/go-logr/logr"

	"kubarium/cluster/trace"
)

// verbosity is how much of what the kubelet says the tap listens to: at 3 it tells of each
// probe and of what it writes to a pod's status.
const verbosity = 3

// LifecycleEvent is what the kubelet's pod lifecycle event generator noticed.
type LifecycleEvent struct {
	Type, UID string
	// Data is the ID of the container, or sandbox.
	Data string
}

// Sink returns where a kubelet logs, so that the tap hears what it says. What is not louder
// than before goes on to the next sink; lifecycle reads the value of an event, whose type
// is the kubelet's own.
func (t *Tap) Sink(next logr.LogSink, lifecycle func(any) (LifecycleEvent, bool)) logr.LogSink {
	return &sink{next: next, ears: &ears{
		tap: t, lifecycle: lifecycle,
		uid: regexp.MustCompile(`\(UID: "([0-9a-f-]+)"\)`), volume: regexp.MustCompile(`for volume "([^"]+)"`),
	}}
}

// sink passes on, and listens.
type sink struct {
	next logr.LogSink
	ears *ears
}

func (s *sink) Init(info logr.RuntimeInfo) {
	info.CallDepth++
	s.next.Init(info)
}

func (s *sink) Enabled(level int) bool { return level <= verbosity || s.next.Enabled(level) }

func (s *sink) Info(level int, message string, values ...any) {
	s.ears.hear(message, nil, values)
	if s.next.Enabled(level) {
		s.next.Info(level, message, values...)
	}
}

func (s *sink) Error(err error, message string, values ...any) {
	s.ears.hear(message, err, values)
	s.next.Error(err, message, values...)
}

func (s *sink) WithValues(values ...any) logr.LogSink {
	return &sink{next: s.next.WithValues(values...), ears: s.ears}
}

func (s *sink) WithName(name string) logr.LogSink {
	return &sink{next: s.next.WithName(name), ears: s.ears}
}

// WithCallDepth implements logr.CallDepthLogSink.
func (s *sink) WithCallDepth(depth int) logr.LogSink {
	if deep, ok := s.next.(logr.CallDepthLogSink); ok {
		return &sink{next: deep.WithCallDepth(depth), ears: s.ears}
	}
	return s
}

// ears make events of what upstream's kubelet says in its log.
type ears struct {
	tap         *Tap
	lifecycle   func(any) (LifecycleEvent, bool)
	uid, volume *regexp.Regexp
}

func (h *ears) hear(message string, err error, values []any) {
	switch {
	case probed(message):
		h.probe(message, values)
	case strings.HasPrefix(message, "SyncLoop (PLEG): event for pod"):
		h.pleg(values)
	case strings.HasPrefix(message, "SyncLoop "):
		h.syncLoop(message, values)
	case strings.HasPrefix(message, "Patch status for pod"):
		h.status(values)
	case strings.Contains(message, "Volume") && h.volume.MatchString(message):
		h.volumes(message, values)
	case err != nil:
		h.failure(message, err, values)
	}
}

// probed reports whether a message tells how a probe went; others tell that there was none.
func probed(message string) bool {
	for _, result := range []string{"succeeded", "failed", "errored", "unknown"} {
		if strings.HasPrefix(message, "Probe "+result) {
			return true
		}
	}
	return false
}

func (h *ears) probe(message string, values []any) {
	said := look(values)
	result := strings.TrimPrefix(message, "Probe ")
	kind, container := strings.ToLower(fmt.Sprint(said["probeType"])), fmt.Sprint(said["containerName"])
	e := trace.Event{
		Verb: "probe", Object: h.pod(said),
		Fields: map[string]string{"probe": kind, "container": container, "result": result},
		Detail: fmt.Sprintf("%s of container %s %s", kind, container, result),
	}
	if h.tap.again(e.Object.UID+"/"+container+"/"+kind, result) {
		e.Fields[trace.Again] = "true"
	}
	for _, key := range []string{"output", "err"} {
		if v, ok := said[key]; ok {
			e.Fields["output"] = fmt.Sprint(v)
			e.Detail += ": " + strings.TrimSpace(e.Fields["output"])
		}
	}
	h.tap.add(e, "probe")
}

func (h *ears) pleg(values []any) {
	said := look(values)
	noticed, ok := h.lifecycle(said["event"])
	if !ok {
		return
	}
	said["podUID"] = noticed.UID
	e := trace.Event{
		Verb: "notice", Object: h.pod(said), Detail: noticed.Type + " " + noticed.Data,
		Fields: map[string]string{"type": noticed.Type, "data": noticed.Data},
	}
	h.tap.add(e, "pleg")
}

// syncLoop tells what the kubelet was told to run or end, by what it calls it: ADD, UPDATE,
// DELETE, REMOVE.
func (h *ears) syncLoop(message string, values []any) {
	said := look(values)
	what := strings.TrimPrefix(message, "SyncLoop ")
	if what != "ADD" && what != "UPDATE" && what != "DELETE" && what != "REMOVE" {
		return
	}
	pods, ok := said["pods"]
	if !ok || fmt.Sprint(pods) == "[]" {
		return
	}
	e := trace.Event{Verb: "sync", Detail: fmt.Sprintf("%s from %v: %v", what, said["source"], pods)}
	e.Fields = map[string]string{"type": what, "origin": fmt.Sprint(said["source"]), "pods": fmt.Sprint(pods)}
	h.tap.add(e, "sync")
}

func (h *ears) status(values []any) {
	said := look(values)
	patch := fmt.Sprint(said["patch"])
	h.tap.add(trace.Event{
		Verb: "status", Object: h.pod(said), Detail: patch,
		Fields: map[string]string{"patch": patch},
	}, "status")
}

func (h *ears) volumes(message string, values []any) {
	said := look(values)
	if match := h.uid.FindStringSubmatch(message); match != nil {
		said["podUID"] = match[1]
	}
	step, _, _ := strings.Cut(message, " for volume")
	volume := h.volume.FindStringSubmatch(message)[1]
	h.tap.add(trace.Event{
		Verb: "volume", Object: h.pod(said), Detail: step + ": " + volume,
		Fields: map[string]string{"volume": volume, "step": step, "message": message},
	}, "volume")
}

// failure keeps what the kubelet could not do for a pod.
func (h *ears) failure(message string, err error, values []any) {
	said := look(values)
	if said["pod"] == nil {
		return
	}
	h.tap.add(trace.Event{
		Verb: "fail", Object: h.pod(said), Detail: message + ": " + err.Error(),
		Fields: map[string]string{"message": message, "error": err.Error()},
	}, "log")
}

// pod is the pod that was spoken of.
func (h *ears) pod(said map[string]any) trace.Object {
	uid := ""
	if v, ok := said["podUID"]; ok {
		uid = fmt.Sprint(v)
	}
	// It is a klog.ObjectRef, which writes itself as namespace/name.
	namespace, name, found := strings.Cut(fmt.Sprint(said["pod"]), "/")
	if !found {
		return h.tap.podOf(uid)
	}
	pod := podObject(namespace, name, uid)
	if uid != "" {
		h.tap.remember(uid, owner{pod: pod})
	}
	return pod
}

// look reads pairs of key and value.
func look(values []any) map[string]any {
	said := make(map[string]any, len(values)/2)
	for i := 0; i+1 < len(values); i += 2 {
		if key, ok := values[i].(string); ok {
			said[key] = values[i+1]
		}
	}
	return said
}
