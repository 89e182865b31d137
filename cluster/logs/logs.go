// Package logs keeps the logs of the components in this process: a file each, that
// rotates, also for what upstream's code logs without saying for whom.
package logs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"runtime/pprof"
	"sync"

	"github.com/go-logr/logr"
	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/klog/v2/textlogger"
)

// Program is the log of the program itself, and of what no component logs.
const Program = "kubarium"

// label is the name of the goroutines' label that tells whose they are.
const label = "component"

// Files are the log files of one directory. What opening begins has no end but the
// process': a file is opened once, however often its component starts.
type Files struct {
	dir string

	mu      sync.Mutex
	files   map[string]*lumberjack.Logger
	loggers map[string]logr.Logger
	// taps are the loggers of what is logged without a context, where they are others.
	taps map[string]logr.Logger
}

// In returns the log files of a directory; none is made before something is logged.
func In(dir string) *Files {
	return &Files{dir: dir, files: make(map[string]*lumberjack.Logger), loggers: make(map[string]logr.Logger), taps: make(map[string]logr.Logger)}
}

// Path returns where a component's log is.
func (f *Files) Path(component string) string { return filepath.Join(f.dir, component+".log") }

// Writer returns what appends to a component's log.
func (f *Files) Writer(component string) io.Writer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file(component)
}

// file returns the one file of a component; f.mu is held. It rotates, so that a component
// that logs for days does not fill the disk.
func (f *Files) file(component string) *lumberjack.Logger {
	file, ok := f.files[component]
	if !ok {
		file = &lumberjack.Logger{Filename: f.Path(component), MaxSize: 20, MaxBackups: 2}
		f.files[component] = file
	}
	return file
}

// Logger returns the logger of a component of ours.
func (f *Files) Logger(component string) *slog.Logger {
	return slog.New(slog.NewTextHandler(f.Writer(component), nil))
}

// Upstream returns the logger of a component of Kubernetes', in its format.
func (f *Files) Upstream(component string) logr.Logger {
	f.mu.Lock()
	defer f.mu.Unlock()
	logger, ok := f.loggers[component]
	if !ok {
		logger = textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(f.file(component))))
		f.loggers[component] = logger
	}
	return logger
}

// Tap has what a component logs without a context go to another logger than the component's
// own, once TakeGlobal was called. That is to write it into the same file.
func (f *Files) Tap(component string, logger logr.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taps[component] = logger
}

// global returns the logger of what a component logs without a context.
func (f *Files) global(component string) logr.Logger {
	f.mu.Lock()
	logger, tapped := f.taps[component]
	f.mu.Unlock()
	if tapped {
		return logger
	}
	return f.Upstream(component)
}

// Close closes the files. What is logged later opens its file again.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// As runs do in the name of a component, and so every goroutine that begins in it. A
// profile tells the components of this one process apart by that, too.
func As(ctx context.Context, component string, do func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(label, component), do)
}
