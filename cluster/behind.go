package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// traces are where root finds who has become root.
type traces struct {
	env func(string) string
	// proc is where processes are, self the one to begin with, and tty the files that may
	// be its terminal.
	proc string
	self int
	tty  []string
	// user looks a user up by the ID or the name.
	user func(string) (*user.User, error)
}

func realTraces() traces {
	return traces{env: os.Getenv, proc: "/proc", self: os.Getpid(), tty: []string{"/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"}, user: lookUp}
}

func lookUp(who string) (*user.User, error) {
	if u, err := user.LookupId(who); err == nil {
		return u, nil
	}
	return user.Lookup(who)
}

// behind finds the user who became root, surest trace first: what sudo, pkexec and doas
// say, who logged in, whose terminal it is, whose process started this one (su says
// nothing). Without any it is root. How it is known is told in words.
func (t traces) behind() (*user.User, string, error) {
	for _, name := range []string{"SUDO_UID", "PKEXEC_UID", "DOAS_USER"} {
		who := t.env(name)
		if who == "" {
			continue
		}
		// Wrong traces are not passed by: files would become another's.
		u, err := t.user(who)
		if err != nil {
			return nil, "", fmt.Errorf("look up user %s of %s: %w", who, name, err)
		}
		return u, name, nil
	}
	for _, trace := range []struct {
		how string
		uid func() (int, bool)
	}{{"the login", t.login}, {"the terminal's owner", t.owner}, {"the process that started this one", t.ancestor}} {
		uid, ok := trace.uid()
		if !ok || uid == 0 {
			continue
		}
		if u, err := t.user(strconv.Itoa(uid)); err == nil {
			return u, trace.how, nil
		}
	}
	u, err := t.user("0")
	if err != nil {
		return nil, "", fmt.Errorf("look up root: %w", err)
	}
	return u, "", nil
}

// login is who logged in, as the kernel's audit keeps it through su.
func (t traces) login() (int, bool) {
	data, err := os.ReadFile(filepath.Join(t.proc, strconv.Itoa(t.self), "loginuid"))
	if err != nil {
		return 0, false
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	return int(uid), err == nil && uid != math.MaxUint32
}

// owner is whose terminal this is: it stays theirs when they become root.
func (t traces) owner() (int, bool) {
	for _, path := range t.tty {
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, "/dev/pts/") && !strings.HasPrefix(target, "/dev/tty") {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 {
			return int(s.Uid), true
		}
	}
	return 0, false
}

// ancestor is the nearest process above that an ordinary user started: su keeps the real
// user while it waits.
func (t traces) ancestor() (int, bool) {
	const most = 64 // processes come and go: there is no loop, but nobody promises
	for pid, n := t.self, 0; pid > 1 && n < most; n++ {
		data, err := os.ReadFile(filepath.Join(t.proc, strconv.Itoa(pid), "status"))
		if err != nil {
			return 0, false
		}
		parent, uid := 0, 0
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 2 {
				continue
			}
			switch fields[0] {
			case "PPid:":
				parent, _ = strconv.Atoi(fields[1])
			case "Uid:":
				uid, _ = strconv.Atoi(fields[1])
			}
		}
		if uid != 0 {
			return uid, true
		}
		pid = parent
	}
	return 0, false
}
