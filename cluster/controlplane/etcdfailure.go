package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap/zapcore"
)

// failure is what etcd can't go on after: a full disk, a torn file. Upstream logs it and
// ends the process, which here is the whole program and the user's terminal; instead
// the goroutine ends that met it, and the component fails.
type failure struct {
	once     sync.Once
	happened chan struct{}
	err      error
}

var _ zapcore.CheckWriteHook = (*failure)(nil)

func newFailure() *failure { return &failure{happened: make(chan struct{})} }

// OnWrite is called by etcd's logger after it wrote why etcd ends.
func (f *failure) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	reason := errors.New(entry.Message)
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && field.Type == zapcore.ErrorType {
			reason = fmt.Errorf("%s: %w", entry.Message, err)
		}
	}
	f.note(reason)
	runtime.Goexit()
}

func (f *failure) note(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.happened)
	})
}

// start is embed.StartEtcd, on a goroutine that may end in the middle of it.
func (f *failure) start(config *embed.Config) (*embed.Etcd, error) {
	if err := checkLog(config.Dir); err != nil {
		return nil, err
	}
	started := make(chan *embed.Etcd, 1)
	go func() {
		// A file that is shorter than it says is a fault of memory, as it is mapped.
		debug.SetPanicOnFault(true)
		defer func() {
			if p := recover(); p != nil {
				f.note(fmt.Errorf("%v", p))
			}
		}()
		server, err := embed.StartEtcd(config)
		if err != nil {
			f.note(err)
			return
		}
		started <- server
	}()
	select {
	case server := <-started:
		return server, nil
	case <-f.happened:
		return nil, f.err
	}
}

// checkLog refuses a database without its log: etcd would begin another log, never come to
// an end of that, and not stop either.
func checkLog(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "member", "snap", "db")); err != nil {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err == nil && len(found) == 0 {
		err = errors.New("its log is gone")
	}
	return err
}

// explainStore adds the remedy to what went wrong with etcd's files.
func explainStore(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), "no space left") {
		return fmt.Errorf("%w (%w)", ErrNoRoom, err)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("a port by which etcd's members speak is taken: end the program that has it, and start again (%w)", err)
	}
	return fmt.Errorf("etcd can't read what it stored: restore its files from a copy, or start over with 'kubarium reset' (%w)", err)
}
