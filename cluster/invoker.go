package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Invoker is the person who started the program: the user who became root, if any.
type Invoker struct {
	UID, GID int
	Name     string
	Home     string
	// Known is by what a user behind root is known, in words; "" if root is nobody else,
	// or the program is not root's.
	Known string
}

// FindInvoker looks for the user who became root; who is not root is themselves.
func FindInvoker() (Invoker, error) {
	if uid := os.Getuid(); uid != 0 {
		u, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return Invoker{}, fmt.Errorf("look up user %d: %w", uid, err)
		}
		return newInvoker(u, "")
	}
	u, known, err := realTraces().behind()
	if err != nil {
		return Invoker{}, err
	}
	return newInvoker(u, known)
}

func newInvoker(u *user.User, known string) (Invoker, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return Invoker{}, fmt.Errorf("look up user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return Invoker{}, fmt.Errorf("look up user %s: %w", u.Username, err)
	}
	return Invoker{UID: uid, GID: gid, Name: u.Username, Home: u.HomeDir, Known: known}, nil
}

// Environment tells programs that this one starts as root who the invoker is: what they
// could find it by, such as the terminal, is not theirs.
func (i Invoker) Environment() []string {
	env := os.Environ()
	if os.Getuid() == 0 && i.UID != 0 {
		env = append(env, "SUDO_UID="+strconv.Itoa(i.UID))
	}
	return env
}

// Groups are the IDs of the invoker's groups.
func (i Invoker) Groups() ([]uint32, error) {
	u, err := user.LookupId(strconv.Itoa(i.UID))
	if err != nil {
		return nil, fmt.Errorf("look up user %d: %w", i.UID, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up groups of %s: %w", u.Username, err)
	}
	groups := make([]uint32, 0, len(ids))
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("look up groups of %s: %w", u.Username, err)
		}
		groups = append(groups, uint32(n))
	}
	return groups, nil
}

// StateDir is where the invoker's own files go: the lessons' progress, and history.
func (i Invoker) StateDir() string {
	if i.UID == os.Getuid() {
		if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
			return filepath.Join(dir, "kubarium")
		}
	}
	return filepath.Join(i.Home, ".local", "state", "kubarium")
}

// MakeDir makes the invoker's own directory, and returns it.
func (i Invoker) MakeDir() (string, error) {
	dir := i.StateDir()
	return dir, i.Mkdir(dir)
}

// Mkdir makes a directory and those above it, with the invoker's rights.
func (i Invoker) Mkdir(dir string) error {
	if err := i.As(func() error { return os.MkdirAll(dir, 0o755) }); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return nil
}

// As runs f with the invoker's rights to files: what they could not reach or write, f
// cannot, wherever links in their directories lead, and what f makes is theirs.
func (i Invoker) As(f func() error) error {
	if i.UID == os.Getuid() {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		// The rights are a thread's. It is never given back, and ends with the goroutine.
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
			done <- fmt.Errorf("give up groups: %w", errno)
			return
		}
		if err := errors.Join(unix.Setfsgid(i.GID), unix.Setfsuid(i.UID)); err != nil {
			done <- fmt.Errorf("take the rights of %s: %w", i.Name, err)
			return
		}
		// Setfsuid tells no error; what it says when asked again is what holds.
		if uid, _ := unix.SetfsuidRetUid(-1); uid != i.UID {
			done <- fmt.Errorf("take the rights of %s: refused", i.Name)
			return
		}
		done <- f()
	}()
	return <-done
}

// ConfigFile is the invoker's own settings of the app.
func (i Invoker) ConfigFile() string {
	if i.UID == os.Getuid() {
		if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
			return filepath.Join(dir, "kubarium", "config.yaml")
		}
	}
	return filepath.Join(i.Home, ".config", "kubarium", "config.yaml")
}

// mostOwned is the size of the largest file of the invoker's that is read.
const mostOwned = 1 << 20

// ReadOwn reads a file of the invoker's. It takes what a symbolic link leads to, but only
// the invoker's own plain files: root must not be led to read, or only open, another.
func (i Invoker) ReadOwn(path string) ([]byte, error) {
	found, err := os.OpenFile(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	info, err := found.Stat()
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no plain file", path)
	case int(owner.Uid) != i.UID:
		return nil, fmt.Errorf("%s does not belong to %s: run: sudo chown %s %s", path, i.Name, i.Name, path)
	case info.Size() > mostOwned:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	// The same file, whatever the path leads to by now.
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", found.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, mostOwned))
}

// Keep writes a file of the invoker's own into their state directory. Whatever lies there,
// nothing outside of their home is written.
func (i Invoker) Keep(name string, data []byte) error {
	dir, err := i.MakeDir()
	if err != nil {
		return err
	}
	base := dir
	if within(i.Home, dir) {
		base = i.Home
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return fmt.Errorf("open %s: %w", base, err)
	}
	defer root.Close()
	path, err := filepath.Rel(base, filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if err := i.replace(root, path, data); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// replace writes a file anew, never through a link that lies in its place.
func (i Invoker) replace(root *os.Root, path string, data []byte) error {
	temporary := path + ".new"
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if os.Getuid() != i.UID {
		err = errors.Join(err, file.Chown(i.UID, i.GID))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return root.Rename(temporary, path)
}

func within(base, path string) bool {
	rel, err := filepath.Rel(base, path)
	return err == nil && filepath.IsLocal(rel)
}

// Kept reads what Keep wrote; nothing if it can't be read.
func (i Invoker) Kept(name string) []byte {
	data, err := i.ReadOwn(filepath.Join(i.StateDir(), name))
	if err != nil {
		return nil
	}
	return data
}
