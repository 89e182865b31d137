package detail

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"kubarium/cluster/logfile"
)

const (
	// tailFrom is how much of a file's end is read at first.
	tailFrom = 256 << 10
	// tailWait is how often a file that is looked at is asked for more.
	tailWait = 300 * time.Millisecond
)

// tailer reads a file from near its end, and goes on as it grows. When the file
// is replaced, as by log rotation, it goes on with the new one.
type tailer struct {
	ctx  context.Context
	path string
	file *os.File
}

// tail opens a file to be followed until ctx ends.
func tail(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := logfile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	t := &tailer{ctx: ctx, path: path, file: f}
	if info, err := f.Stat(); err == nil && info.Size() > tailFrom {
		if _, err := f.Seek(-tailFrom, io.SeekEnd); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("find the end of the log: %w", err)
		}
		t.skipLine()
	}
	return t, nil
}

// skipLine goes to the beginning of a line.
func (t *tailer) skipLine() {
	b := make([]byte, 1)
	for {
		if n, err := t.file.Read(b); n == 0 || err != nil || b[0] == '\n' {
			return
		}
	}
}

// Read waits at the end of the file for more.
func (t *tailer) Read(b []byte) (int, error) {
	for {
		n, err := t.file.Read(b)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		select {
		case <-t.ctx.Done():
			return 0, io.EOF
		case <-time.After(tailWait):
		}
		t.reopen()
	}
}

// reopen changes to the file that is now under the path, if it is another one.
func (t *tailer) reopen() {
	was, err := t.file.Stat()
	if err != nil {
		return
	}
	is, err := os.Stat(t.path)
	if err != nil {
		return
	}
	if os.SameFile(was, is) {
		if at, err := t.file.Seek(0, io.SeekCurrent); err == nil && is.Size() < at {
			_, _ = t.file.Seek(0, io.SeekStart)
		}
		return
	}
	f, err := logfile.Open(t.path, os.O_RDONLY, 0)
	if err != nil {
		return
	}
	_ = t.file.Close()
	t.file = f
}

func (t *tailer) Close() error { return t.file.Close() }
