package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadOwn checks that only plain files of the invoker's are read.
func TestReadOwn(t *testing.T) {
	dir := t.TempDir()
	me := Invoker{UID: os.Getuid(), GID: os.Getgid(), Name: "me", Home: dir}
	path := filepath.Join(dir, "config.yaml")
	if _, err := me.ReadOwn(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, []byte("theme: dark\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if data, err := me.ReadOwn(name); err != nil || string(data) != "theme: dark\n" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	other := me
	other.UID++
	if _, err := other.ReadOwn(path); err == nil || !strings.Contains(err.Error(), "does not belong to me") {
		t.Errorf("another's file: %v", err)
	}
	if _, err := other.ReadOwn(link); err == nil {
		t.Error("a link leads to another's file")
	}
	if _, err := me.ReadOwn(dir); err == nil || !strings.Contains(err.Error(), "no plain file") {
		t.Errorf("a directory: %v", err)
	}
}

// TestReadOwnOpensNoPipe checks that nobody can hold up the program, or have it open a
// device.
func TestReadOwnOpensNoPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := Invoker{UID: os.Getuid()}.ReadOwn(path)
		got <- err
	}()
	select {
	case err := <-got:
		if err == nil {
			t.Error("a pipe was read")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits at a pipe")
	}
}
