package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

// newerStore is what etcd says of files that a newer one wrote: of their form, or, where that is
// the same, of the version that all members had. None of it is an error of a type of its own.
var newerStore = regexp.MustCompile(`version ".+" is not supported|changing major storage version|invalid downgrade`)

// explainStore adds the remedy to what went wrong with etcd's files. That these are damaged
// is said last: nobody is to throw a cluster away for what is wrong with the machine.
func explainStore(err error) error {
	if explained, known := explainMachine(err); known {
		return explained
	}
	if newerStore.MatchString(err.Error()) {
		return fmt.Errorf("a newer etcd wrote these files: use the kubarium that ran the cluster last, or a newer one (%w)", err)
	}
	return fmt.Errorf("etcd can't read what it stored: restore its files from a copy, or start over with 'kubarium reset' (%w)", err)
}

// explainMachine adds the remedy to what is wrong with the machine, if that is known.
func explainMachine(err error) (explained error, known bool) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), "no space left") {
		return fmt.Errorf("%w (%w)", ErrNoRoom, err), true
	}
	for _, of := range []struct {
		number syscall.Errno
		remedy string
	}{
		{syscall.EADDRINUSE, "a port by which etcd's members speak is taken: end the program that has it, and start again"},
		// First, as its text has that of the next in it.
		{syscall.ENFILE, "this machine can't open more files: raise it with 'sysctl fs.file-max', and start again"},
		{syscall.EMFILE, "etcd can't open more files: raise the limit of 'ulimit -n', and start again"},
		{syscall.EACCES, "etcd may not open its files: see to whom they belong and what protects them, and start again"},
		{syscall.EPERM, "etcd may not change its files: see to whom they belong and what protects them, and start again"},
		{syscall.EROFS, "etcd's disk can only be read: mount it for writing, and start again"},
		{syscall.EIO, "etcd's disk has a fault: look at 'dmesg', and copy the files while they can be read"},
		{syscall.ENOMEM, "the machine has no memory left for etcd: end some programs, and start again"},
	} {
		// Not each of etcd's errors wraps what it is about.
		if errors.Is(err, of.number) || strings.Contains(err.Error(), of.number.Error()) {
			return fmt.Errorf("%s (%w)", of.remedy, err), true
		}
	}
	return err, false
}
