package logs

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// setting has the runtime write the labels of a goroutine into its stack trace: the one
// documented way by which a goroutine learns its own.
const setting = "tracebacklabels=1"

// TakeGlobal sends what upstream logs without a context, as many of its packages still do
// and the metrics server always, to the file of the component in whose name the goroutine
// runs. Nothing may reach the terminal. It is to be called once, before any start.
//
// Nor may a fatal message end the program: a start hook of the API server logs one when
// the server is stopped before it has come up. The goroutine ends that logs it.
func (f *Files) TakeGlobal() error {
	value := os.Getenv("GODEBUG")
	if !strings.Contains(value, setting) {
		if err := os.Setenv("GODEBUG", strings.TrimPrefix(value+","+setting, ",")); err != nil {
			return fmt.Errorf("tell components' goroutines apart: %w", err)
		}
	}
	klog.SetLogger(logr.New(router{files: f}))
	klog.OsExit = func(int) { runtime.Goexit() }
	return nil
}

// Environ returns an environment without what TakeGlobal put there: a user's programs are
// not to know of it.
func Environ(all []string) []string {
	var kept []string
	for _, variable := range all {
		if value, ok := strings.CutPrefix(variable, "GODEBUG="); ok {
			value = strings.TrimSuffix(strings.TrimSuffix(value, setting), ",")
			if value == "" {
				continue
			}
			variable = "GODEBUG=" + value
		}
		kept = append(kept, variable)
	}
	return kept
}

// current names the component in whose name this goroutine runs.
func current() string {
	// The first line has it; what does not fit is cut off.
	var trace [512]byte
	line, _, _ := strings.Cut(string(trace[:runtime.Stack(trace[:], false)]), "\n")
	return componentIn(line)
}

// componentIn finds the component in the first line of a stack trace: goroutine 7 [running
// labels:{"component": "etcd"}]:.
func componentIn(line string) string {
	_, labels, _ := strings.Cut(line, " labels:{")
	_, value, found := strings.Cut(labels, `"`+label+`": "`)
	name, _, ended := strings.Cut(value, `"`)
	// It becomes a file's name.
	if !found || !ended || name == "" || strings.ContainsAny(name, `/\`) {
		return Program
	}
	return name
}

// router is the sink of all components: it finds out whose a line is when it is logged.
type router struct {
	files *Files
	// changes are what the logger was given since: a name, values, a depth of calls.
	changes []func(logr.LogSink) logr.LogSink
}

var _ logr.CallDepthLogSink = router{}

// sink is that of the component which logs, as the logger was changed.
func (r router) sink() logr.LogSink {
	// This sink's own method is between the logger and the component's sink.
	sink := r.files.global(current()).WithCallDepth(1).GetSink()
	for _, change := range r.changes {
		sink = change(sink)
	}
	return sink
}

func (r router) with(change func(logr.LogSink) logr.LogSink) logr.LogSink {
	return router{files: r.files, changes: append(r.changes[:len(r.changes):len(r.changes)], change)}
}

// Init does nothing: the components' sinks were told when they were made.
func (r router) Init(logr.RuntimeInfo) {}

// Enabled leaves out what upstream says at higher verbosity, without asking whose it is.
func (r router) Enabled(level int) bool { return level == 0 }

// Info writes a message to the component's file.
func (r router) Info(level int, message string, values ...any) {
	r.sink().Info(level, message, values...)
}

// Error writes an error to the component's file.
func (r router) Error(err error, message string, values ...any) {
	r.sink().Error(err, message, values...)
}

// WithValues returns a sink that adds values to each line.
func (r router) WithValues(values ...any) logr.LogSink {
	return r.with(func(s logr.LogSink) logr.LogSink { return s.WithValues(values...) })
}

// WithName returns a sink that adds a name to each line.
func (r router) WithName(name string) logr.LogSink {
	return r.with(func(s logr.LogSink) logr.LogSink { return s.WithName(name) })
}

// WithCallDepth returns a sink that names a caller further up.
func (r router) WithCallDepth(depth int) logr.LogSink {
	return r.with(func(s logr.LogSink) logr.LogSink {
		if deep, ok := s.(logr.CallDepthLogSink); ok {
			return deep.WithCallDepth(depth)
		}
		return s
	})
}
