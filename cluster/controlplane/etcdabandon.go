package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

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

// takeOver gives a member files of its own, with the contents of those that an abandoned one
// still has open and locked, and may write to. They are what a process that was killed
// leaves: all that was acknowledged is in them.
func takeOver(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "member")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files, copied := filepath.Join(dir, "member"), filepath.Join(dir, "member.new")
	if err := os.RemoveAll(copied); err != nil {
		return fmt.Errorf("take over the files of etcd: %w", err)
	}
	if err := copyTree(files, copied); err != nil {
		return errors.Join(fmt.Errorf("take over the files of etcd: %w", err), os.RemoveAll(copied))
	}
	// At once, or a power cut in between would leave none.
	if err := unix.Renameat2(unix.AT_FDCWD, copied, unix.AT_FDCWD, files, unix.RENAME_EXCHANGE); err != nil {
		return errors.Join(fmt.Errorf("take over the files of etcd: %w: stop kubarium and start it again", err), os.RemoveAll(copied))
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
