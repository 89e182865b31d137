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

// TestKeep checks that what is kept is the invoker's, and that no link leads out of their
// home.
func TestKeep(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	home := t.TempDir()
	me := Invoker{UID: os.Getuid(), GID: os.Getgid(), Name: "me", Home: home}
	for _, text := range []string{"one", "two"} {
		if err := me.Keep("app.json", []byte(text)); err != nil || string(me.Kept("app.json")) != text {
			t.Errorf("%s: %v, %q", text, err, me.Kept("app.json"))
		}
	}
	if me.Kept("none.json") != nil {
		t.Error("something is kept that was not")
	}
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("safe"), 0o600); err != nil {
		t.Fatal(err)
	}
	state := me.StateDir()
	if err := errors.Join(os.Symlink(victim, filepath.Join(state, "other.json")), os.Symlink(victim, filepath.Join(state, "other.json.new"))); err != nil {
		t.Fatal(err)
	}
	if err := me.Keep("other.json", []byte("new")); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "safe" {
		t.Errorf("a link was followed: %q", data)
	}
	if err := errors.Join(os.RemoveAll(state), os.Symlink(outside, state)); err != nil {
		t.Fatal(err)
	}
	if err := me.Keep("victim", []byte("new")); err == nil {
		t.Error("the directory leads out of the home")
	}
	if data, _ := os.ReadFile(victim); string(data) != "safe" {
		t.Errorf("a linked directory was followed: %q", data)
	}
}

// TestMkdirIsTheUsers has root make directories for another, where links may lie.
func TestMkdirIsTheUsers(t *testing.T) {
	base, outside := t.TempDir(), t.TempDir()
	user := Invoker{UID: 65534, GID: 65534, Name: "nobody", Home: filepath.Join(base, "home")}
	if err := errors.Join(os.Chmod(filepath.Dir(base), 0o711), os.Chmod(base, 0o711), os.Mkdir(user.Home, 0o755), os.Chown(user.Home, user.UID, user.GID)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(user.Home, ".local", "state", "kubarium")
	for range 2 {
		if err := user.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	for path := dir; path != base; path = filepath.Dir(path) {
		var info unix.Stat_t
		if err := unix.Stat(path, &info); err != nil || info.Uid != 65534 || info.Gid != 65534 {
			t.Errorf("%s: %v, of user %d and group %d", path, err, info.Uid, info.Gid)
		}
	}
	if err := os.Symlink(outside, filepath.Join(user.Home, "link")); err != nil {
		t.Fatal(err)
	}
	if err := user.Mkdir(filepath.Join(user.Home, "link", "new")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("through a link: %v", err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("wrote outside: %v, %v", entries, err)
	}
	// This thread, and all others, are root's still.
	if err := os.WriteFile(filepath.Join(outside, "mine"), nil, 0o600); err != nil {
		t.Error(err)
	}
}
