// Package logfile keeps logs that are written to without this program, as the output of
// processes is, from growing without end, and opens them. It links next to nothing: so does who uses it.
package logfile

import (
	"os"
	"path/filepath"
	"syscall"
)

// limit is how large a log may be when it is opened.
const limit = 20 << 20

// Rotate is called before a log is opened: if it is large, it becomes NAME.1, in place of
// the one before. One that can't be moved is no reason not to start: it grows on.
func Rotate(path string) {
	// What became a link is no log of ours.
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() > limit {
		_ = os.Rename(path, path+".1")
	}
}

// Open opens a log as os.OpenFile does. Pods write to the directories of nodes' logs: a link
// that they put there leads nowhere else, and a pipe is not waited for.
func Open(path string, flag int, mode os.FileMode) (*os.File, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.OpenFile(filepath.Base(path), flag|syscall.O_NONBLOCK, mode)
}
