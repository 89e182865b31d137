package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "init.log")
	// size is what a file has, -1 if there is none.
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return -1
		}
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	write := func(n int64) {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, n)); err != nil {
			t.Fatal(err)
		}
	}
	Rotate(path)
	write(limit)
	Rotate(path)
	if size(path) != limit || size(path+".1") != -1 {
		t.Errorf("a log that is not too large has %d bytes, and the one before %d", size(path), size(path+".1"))
	}
	for _, n := range []int64{limit + 1, limit + 2} {
		write(n)
		Rotate(path)
		if size(path) != -1 || size(path+".1") != n {
			t.Errorf("a log of %d bytes has %d, and the one before %d", n, size(path), size(path+".1"))
		}
	}
}

// TestLogIsNoLink proves that who writes a log of a node writes to no file of the host's.
func TestLogIsNoLink(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	path := filepath.Join(t.TempDir(), "init.log")
	for what, plant := range map[string]func() error{
		"link": func() error { return os.Symlink(outside, path) },
		"pipe": func() error { return syscall.Mkfifo(path, 0o600) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if log, err := Open(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			log.Close()
			t.Errorf("a %s was opened", what)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a file was made outside")
	}
}
