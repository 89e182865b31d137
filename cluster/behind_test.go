package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
)

// fakeTraces are those of a root that has no traces, with its processes: root's own, and
// above it one of each of the users given.
func fakeTraces(t *testing.T, above ...int) traces {
	t.Helper()
	proc := t.TempDir()
	write := func(pid int, name, text string) {
		t.Helper()
		dir := filepath.Join(proc, fmt.Sprint(pid))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	self := 10 + len(above)
	write(self, "loginuid", "4294967295")
	write(self, "status", fmt.Sprintf("Name:\tkubarium\nPPid:\t%d\nUid:\t0\t0\t0\t0\n", self-1))
	for i, uid := range above {
		pid := self - 1 - i
		write(pid, "status", fmt.Sprintf("Name:\tx\nPPid:\t%d\nUid:\t%d\t0\t0\t0\n", pid-1, uid))
	}
	names := map[string]string{"0": "root", "1000": "alice", "1001": "bob", "1002": "carol", "carol": "carol"}
	return traces{env: func(string) string { return "" }, proc: proc, self: self, user: func(who string) (*user.User, error) {
		if name, ok := names[who]; ok {
			return &user.User{Uid: who, Username: name}, nil
		}
		return nil, user.UnknownUserError(who)
	}}
}

func TestBehindRoot(t *testing.T) {
	expect := func(what string, traces traces, name, how string) {
		t.Helper()
		u, known, err := traces.behind()
		if err != nil || u.Username != name || known != how {
			t.Errorf("%s: found %v by %q, %v; want %s by %q", what, u, known, err, name, how)
		}
	}
	env := func(name, value string) func(string) string {
		return func(asked string) string { return map[string]string{name: value}[asked] }
	}
	expect("nobody", fakeTraces(t, 0, 0), "root", "")
	expect("su, which waits as the real user", fakeTraces(t, 0, 1000, 1001), "alice", "the process that started this one")
	expect("a user who is not known here", fakeTraces(t, 4711), "root", "")

	login := fakeTraces(t, 1000)
	if err := os.WriteFile(filepath.Join(login.proc, fmt.Sprint(login.self), "loginuid"), []byte("1001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("who logged in", login, "bob", "the login")
	login.env = env("SUDO_UID", "1000")
	expect("sudo", login, "alice", "SUDO_UID")
	login.env = env("DOAS_USER", "carol")
	expect("doas, which says a name", login, "carol", "DOAS_USER")
	login.env = env("SUDO_UID", "0")
	expect("root by sudo", login, "root", "SUDO_UID")
	login.env = env("SUDO_UID", "4711")
	if u, _, err := login.behind(); err == nil {
		t.Errorf("a wrong SUDO_UID is taken for %v", u)
	}
}

// TestBehindRootIsTheTerminalsOwner opens a real terminal, and gives it away.
func TestBehindRootIsTheTerminalsOwner(t *testing.T) {
	main, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer main.Close()
	defer terminal.Close()
	traces := fakeTraces(t, 1000)
	traces.tty = []string{"/proc/self/fd/none", fmt.Sprintf("/proc/self/fd/%d", terminal.Fd())}
	if u, how, err := traces.behind(); err != nil || u.Username != "alice" {
		t.Errorf("root's terminal: %v by %q, %v", u, how, err)
	}
	if err := terminal.Chown(1001, -1); err != nil {
		t.Fatal(err)
	}
	if u, how, err := traces.behind(); err != nil || u.Username != "bob" || how != "the terminal's owner" {
		t.Errorf("bob's terminal: %v by %q, %v", u, how, err)
	}
}
