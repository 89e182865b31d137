// Package logfile keeps logs that are written to without this program, as the output of
// processes is, from growing without end. It links next to nothing: so does who uses it.
package logfile

import "os"

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
