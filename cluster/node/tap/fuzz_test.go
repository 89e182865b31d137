package tap

import (
	"errors"
	"testing"

	"github.com/go-logr/logr"
)

// FuzzSink says to the tap what no kubelet would.
func FuzzSink(f *testing.F) {
	for _, seed := range []struct {
		message, key, value string
		failed              bool
	}{
		{"Probe succeeded", "pod", "default/web", false},
		{"Probe failed", "output", "", false},
		{"SyncLoop (PLEG): event for pod", "event", "ContainerStarted", false},
		{"SyncLoop ADD", "pods", "[default/web]", false},
		{"Patch status for pod", "patch", "{}", false},
		{`MountVolume.SetUp succeeded for volume "a" (UID: "0-f")`, "pod", "default/web", false},
		{`Volume for volume "`, "pod", "/", true},
		{"Could not start", "podUID", "x", true},
	} {
		f.Add(seed.message, seed.key, seed.value, seed.failed)
	}
	f.Fuzz(func(t *testing.T, message, key, value string, failed bool) {
		heard := New("node-1")
		next := &last{}
		said := heard.Sink(next, func(v any) (LifecycleEvent, bool) {
			text, ok := v.(string)
			return LifecycleEvent{Type: text, UID: text}, ok
		})
		if failed {
			said.Error(errors.New(value), message, key, value, "odd")
		} else {
			said.Info(0, message, key, value, value)
		}
		if next.message != message {
			t.Errorf("%q went on as %q", message, next.message)
		}
	})
}

// last keeps what was logged last.
type last struct{ message string }

func (l *last) Init(logr.RuntimeInfo)                   {}
func (l *last) Enabled(level int) bool                  { return level == 0 }
func (l *last) Info(_ int, message string, _ ...any)    { l.message = message }
func (l *last) Error(_ error, message string, _ ...any) { l.message = message }
func (l *last) WithValues(...any) logr.LogSink          { return l }
func (l *last) WithName(string) logr.LogSink            { return l }
