package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/sys/unix"
)

const (
	// closeLimit is how long a member that failed may take to hang up on its clients. It
	// never ends as a whole: what failed holds its locks.
	closeLimit = 10 * time.Second
	// roomFor is how much of the disk is to be free before a member goes on: two segments
	// of its log, which are made at once, and what Kubernetes writes in some minutes. What
	// it has is copied besides.
	roomFor = 256 << 20
	// filesFor is how many files are to be free, where the disk counts them: those that are
	// copied are some ten.
	filesFor = 100
	// lookForRoom is how often. No kernel tells when a disk has room.
	lookForRoom = time.Second
)

// ErrNoRoom is what etcd fails with when its disk is full.
var ErrNoRoom = errors.New("the disk is full: free some space, and etcd goes on")

// abandon hangs up on the clients of a member that failed, and leaves the rest of it, which
// can't be ended within this process.
func abandon(server *embed.Etcd) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		server.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeLimit):
	}
}

// takeBack lets a member have its files and its port again, whatever is left of its former
// life: who waited for a lock of that would wait for ever.
func (m *member) takeBack() error {
	if ports := m.config.EtcdPeers; len(ports) > 0 {
		if err := endListening(ports[m.number-1]); err != nil {
			return fmt.Errorf("take over a port of etcd: %w", err)
		}
	}
	held, err := isHeld(m.dir())
	if err == nil && held {
		err = takeOver(m.dir())
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("take over the files of etcd: %w", err)
	if explained, known := explainMachine(err); known {
		return explained
	}
	return err
}

// endListening has this process no longer listen at a port of the loopback, whoever in it
// does: nobody can close a listener any more whose etcd ended in the middle of its start.
func endListening(port int) error {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, file := range files {
		fd, err := strconv.Atoi(file.Name())
		if err != nil {
			return err
		}
		// A descriptor of its own, as the other may become that of something else meanwhile.
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			continue // It was closed since.
		}
		err = errors.Join(endListeningBy(own, port), unix.Close(own))
		if err != nil {
			return err
		}
	}
	return nil
}

func endListeningBy(fd, port int) error {
	address, err := unix.Getsockname(fd)
	if at, is := address.(*unix.SockaddrInet4); err != nil || !is || at.Port != port {
		return nil
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		return err
	}
	return unix.Shutdown(fd, unix.SHUT_RDWR)
}

// isHeld reports whether somebody has files of a member open and locked: the database by
// bbolt, or a segment of the log.
func isHeld(dir string) (bool, error) {
	locked, err := isFlocked(filepath.Join(dir, "member", "snap", "db"))
	if locked || err != nil {
		return locked, err
	}
	segments, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil {
		return false, err
	}
	for _, segment := range segments {
		file, err := fileutil.TryLockFile(segment, os.O_RDWR, 0)
		if errors.Is(err, fileutil.ErrLocked) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if err := file.Close(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// isFlocked reports whether somebody has the lock of a file, by flock(2).
func isFlocked(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// takeOver gives a member files of its own, with the contents of those that an abandoned one
// still has open and locked, and may write to. They are what a process that was killed
// leaves: all that was acknowledged is in them.
func takeOver(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "member")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files, copied := filepath.Join(dir, "member"), filepath.Join(dir, "member.new")
	if err := os.RemoveAll(copied); err != nil {
		return err
	}
	if err := copyTree(files, copied); err != nil {
		return errors.Join(err, os.RemoveAll(copied))
	}
	// At once, or a power cut in between would leave none.
	if err := unix.Renameat2(unix.AT_FDCWD, copied, unix.AT_FDCWD, files, unix.RENAME_EXCHANGE); err != nil {
		return errors.Join(fmt.Errorf("%w: stop kubarium and start it again", err), os.RemoveAll(copied))
	}
	return os.RemoveAll(copied)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular() || filepath.Ext(path) == ".tmp":
			return nil // Segments of the log that nobody has written to.
		}
		return copyFile(path, target)
	})
}

// copyFile copies a file to the disk, and not only to memory.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}

// AwaitRoom waits until the disk has room for etcd to go on.
func (e *Etcd) AwaitRoom(ctx context.Context) error {
	tick := time.NewTicker(lookForRoom)
	defer tick.Stop()
	for {
		enough, err := e.hasRoom()
		if enough || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *Etcd) hasRoom() (bool, error) {
	var disk unix.Statfs_t
	if dir := e.members[0].dir(); unix.Statfs(dir, &disk) != nil {
		return false, fmt.Errorf("the directory %s is gone", dir)
	}
	need := int64(0)
	for _, m := range e.members {
		size, err := sizeOf(m.dir())
		if err != nil {
			return false, err
		}
		need += size + roomFor
	}
	// A disk that makes inodes as they are needed, as btrfs, has none in all.
	if disk.Files > 0 && disk.Ffree < uint64(filesFor*len(e.members)) {
		return false, nil
	}
	return int64(disk.Bavail)*disk.Bsize >= need, nil
}

func sizeOf(dir string) (int64, error) {
	size := int64(0)
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	// Files come and go while it looks.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("look at %s: %w", dir, err)
	}
	return size, nil
}
