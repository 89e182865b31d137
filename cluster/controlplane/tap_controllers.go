package controlplane

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"kubarium/cluster/stored"
	"kubarium/cluster/trace"
)

const (
	// controllerVerbosity is up to where controllers say what they are about: what woke
	// them, what they found missing, and what failed. Beyond, they tell of their insides.
	controllerVerbosity = 4
	// unhandledError is the name that Kubernetes' library gives to a logger of errors: it is
	// no controller's.
	unhandledError = "UnhandledError"
	// logSize is what a line counts for that is not yet written out.
	logSize = 512
)

// tapControllers returns a logger that tells the store what each controller says of its
// work, beside what goes into the log.
func tapControllers(logger klog.Logger, store *trace.Store) klog.Logger {
	names := map[string]string{}
	for _, name := range app.KnownControllers() {
		names[strings.ReplaceAll(name, "-", "")] = name
	}
	return logr.New(logTap{LogSink: logger.GetSink(), store: store, names: names})
}

// logTap stands between the controllers and their log.
type logTap struct {
	logr.LogSink
	store *trace.Store
	// names are the controllers', by themselves without hyphens.
	names map[string]string
	// name is the controller's that made the logger. Most log without one while they work:
	// then it is told by the package that logs.
	name   string
	values []any
	// depth is how many calls are between the line that logs and the logger.
	depth int
}

var _ logr.CallDepthLogSink = logTap{}

// Enabled implements logr.LogSink.
func (t logTap) Enabled(level int) bool {
	return level <= controllerVerbosity || t.LogSink.Enabled(level)
}

// Info implements logr.LogSink.
func (t logTap) Info(level int, message string, values ...any) {
	if t.LogSink.Enabled(level) {
		t.LogSink.Info(level, message, values...)
	}
	if level <= controllerVerbosity {
		t.tell("say", level, message, values)
	}
}

// Error implements logr.LogSink.
func (t logTap) Error(err error, message string, values ...any) {
	t.LogSink.Error(err, message, values...)
	if err != nil {
		values = append(slices.Clone(values), "err", err)
	}
	// Without a context, a logger's name stands before what it says.
	t.tell("fail", 0, strings.TrimPrefix(message, unhandledError+": "), values)
}

// WithValues implements logr.LogSink.
func (t logTap) WithValues(values ...any) logr.LogSink {
	t.LogSink, t.values = t.LogSink.WithValues(values...), append(slices.Clone(t.values), values...)
	return t
}

// WithName implements logr.LogSink.
func (t logTap) WithName(name string) logr.LogSink {
	t.LogSink = t.LogSink.WithName(name)
	if t.name == "" && name != unhandledError {
		t.name = name
	}
	return t
}

// WithCallDepth implements logr.CallDepthLogSink.
func (t logTap) WithCallDepth(depth int) logr.LogSink {
	if deeper, ok := t.LogSink.(logr.CallDepthLogSink); ok {
		t.LogSink = deeper.WithCallDepth(depth)
	}
	t.depth += depth
	return t
}

// controllerPackages is the directory of all controllers in Kubernetes' source.
const controllerPackages = "/pkg/controller/"

// speaker is who logs, and the line that does; "" is the program as a whole. It is called
// by tell, that by Info or Error, and that by the logger.
func (t logTap) speaker() (name, source string) {
	const calls = 4
	_, file, line, ok := runtime.Caller(calls + t.depth)
	if !ok {
		return t.name, ""
	}
	_, path, within := strings.Cut(file, controllerPackages)
	if !within {
		path = filepath.Base(file)
	}
	source = fmt.Sprintf("%s:%d", path, line)
	if t.name != "" {
		return t.name, source
	}
	directory, _, nested := strings.Cut(path, "/")
	if !within || !nested {
		return "", ""
	}
	if name, known := t.names[directory+"controller"]; known {
		return name, source
	}
	return directory, source
}

func (t logTap) tell(verb string, level int, message string, values []any) {
	name, source := t.speaker()
	if name == "" {
		return
	}
	values = append(slices.Clone(t.values), values...)
	for i := 1; i < len(values); i += 2 {
		values[i] = plain(values[i])
	}
	t.store.AddLate(trace.Event{
		Time: time.Now(), Component: controllerManagerName, Verb: verb, Actor: name, Object: spokenOf(values),
		Fields: map[string]string{"message": message, "verbosity": strconv.Itoa(level), "source": source},
	}, trace.Late{Complete: func(e *trace.Event) { describeWords(e, values) }, Size: logSize})
}

// plain keeps of a value what does not change and holds on to little.
func plain(value any) any {
	switch v := value.(type) {
	case string, bool, int, int32, int64, uint64, float64, time.Duration, time.Time, klog.ObjectRef:
		return v
	case error:
		return v.Error()
	case *int32:
		if v != nil {
			return *v
		}
	case types.NamespacedName:
		return klog.KRef(v.Namespace, v.Name)
	}
	if reflect.ValueOf(value).Kind() == reflect.String {
		return reflect.ValueOf(value).String()
	}
	return fmt.Sprintf("(%T)", value)
}

// spokenOf is the object that is named first.
func spokenOf(values []any) trace.Object {
	for i := 1; i < len(values); i += 2 {
		if ref, ok := values[i].(klog.ObjectRef); ok {
			key, _ := values[i-1].(string)
			return trace.Object{Kind: kindOf(key), Namespace: ref.Namespace, Name: ref.Name}
		}
	}
	kind, key := valueOf(values, "kind"), valueOf(values, "key")
	if kind == "" || key == "" {
		return trace.Object{}
	}
	namespace, name, ok := strings.Cut(key, "/")
	if !ok {
		namespace, name = "", key
	}
	return trace.Object{Kind: kind, Namespace: namespace, Name: name}
}

// kindOf is the kind that a key such as replicaSet means.
func kindOf(key string) string {
	if key == "" {
		return ""
	}
	return strings.ToUpper(key[:1]) + key[1:]
}

func valueOf(values []any, key string) string {
	for i := 1; i < len(values); i += 2 {
		if values[i-1] == key {
			s, _ := values[i].(string)
			return s
		}
	}
	return ""
}

func describeWords(e *trace.Event, values []any) {
	var b strings.Builder
	b.WriteString(e.Fields["message"])
	for i := 1; i < len(values); i += 2 {
		text := stored.Short(fmt.Sprint(values[i]))
		e.Fields["value."+fmt.Sprint(values[i-1])] = strings.Trim(text, `"`)
		fmt.Fprintf(&b, " %v=%s", values[i-1], strings.Trim(text, `"`))
	}
	e.Detail = b.String()
}
