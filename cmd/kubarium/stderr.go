package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"kubarium/cluster"
	"kubarium/cluster/logfile"
)

// divertStderr sends what the process writes to its standard error to a log file, until
// restore is called: upstream's libraries have loggers that know no other place, and
// would write over the app. What a crash tells still reaches the terminal.
func divertStderr(layout cluster.Layout) (restore func(), err error) {
	if err := layout.Make(); err != nil {
		return nil, err
	}
	path := filepath.Join(layout.Logs(), "stderr.log")
	logfile.Rotate(path)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer file.Close()
	kept, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keep standard error: %w", err)
	}
	terminal := os.NewFile(uintptr(kept), "/dev/stderr")
	if err := debug.SetCrashOutput(terminal, debug.CrashOptions{}); err != nil {
		terminal.Close()
		return nil, fmt.Errorf("set crash output: %w", err)
	}
	if err := unix.Dup3(int(file.Fd()), unix.Stderr, 0); err != nil {
		terminal.Close()
		return nil, fmt.Errorf("divert standard error: %w", err)
	}
	return func() {
		// Nothing can be done, nor told, if these fail.
		_ = unix.Dup3(kept, unix.Stderr, 0)
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		_ = terminal.Close()
	}, nil
}
