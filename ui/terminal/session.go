// Package terminal is a terminal in the app: a process of the user's in a pty, what it
// draws, and what is typed into it. The emulation is charmbracelet/x/vt's.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const (
	// scrollback is how many lines are kept above the screen.
	scrollback = 5000
	// patience is how long a process may take to end after its terminal is gone.
	patience = 3 * time.Second
)

// Session is a process in a terminal.
type Session struct {
	cmd  *exec.Cmd
	file *os.File // our end of the pty

	mu     sync.Mutex
	term   *vt.Emulator
	cursor bool // the program shows its cursor
	mouse  map[int]bool
	title  string
	typed  string // the command line that was reported last
	prompt bool   // the shell waits for a command
	output output // what the command has printed that runs or ran last
	ran    []Ran

	keys    *queue
	changed chan struct{} // has one element while something has changed
	done    chan struct{} // closed when the process has ended and all is drawn
	err     error         // valid after done
}

// Ran is a command that ended in the shell, as its integration reports it.
type Ran struct {
	Line string
	Code int
	// Output is the beginning of what it printed, as text; empty if the shell does not tell where it begins.
	Output string
}

// Start runs cmd in a terminal of that size.
func Start(cmd *exec.Cmd, w, h int) (*Session, error) {
	s := &Session{
		cmd: cmd, term: vt.NewEmulator(w, h), cursor: true, mouse: map[int]bool{},
		keys: newQueue(), changed: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.term.SetScrollbackSize(scrollback)
	s.listen()
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "COLORTERM=truecolor")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if s.file, err = unblock(file); err != nil {
		_ = cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("open terminal: %w", err), cmd.Wait())
	}
	go s.run()
	return s, nil
}

// unblock makes a pty that writes to it end when it is closed: a program that does not
// read lets them wait for ever. pty.StartWithSize leaves it in blocking mode.
func unblock(file *os.File) (*os.File, error) {
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copy descriptor: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("set non-blocking: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

// run carries bytes until the process has ended.
func (s *Session) run() {
	var pumps sync.WaitGroup
	// What the emulator answers must always be taken from it: it answers while it is
	// written to, and would wait.
	pumps.Go(func() { _, _ = io.Copy(s.keys, s.term) })
	pumps.Go(func() { _, _ = io.Copy(s.file, s.keys) })
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		// It ends by an error when the last process has closed the terminal.
		_, _ = io.Copy(s, s.file)
	}()
	err := s.cmd.Wait()
	select {
	case <-drawn:
	case <-time.After(patience):
		// A process that was left behind has the terminal still.
	}
	s.keys.Close()
	_ = s.file.Close()
	<-drawn
	s.mu.Lock()
	_ = s.term.Close()
	s.mu.Unlock()
	pumps.Wait()
	s.err = err
	close(s.done)
	s.touch()
}

// Write draws what the process has printed.
func (s *Session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.touch()
	defer s.mu.Unlock()
	written := 0
	// Piece by piece, so that what the shell says of itself stands where it said it.
	for len(p) > 0 {
		piece := p[:pieceOf(p)]
		s.output.add(piece)
		n, err := s.term.Write(piece)
		if written += n; err != nil {
			return written, err
		}
		p = p[len(piece):]
	}
	return written, nil
}

func (s *Session) touch() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Resize tells the process of a new size.
func (s *Session) Resize(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.term.Width() == w && s.term.Height() == h {
		return
	}
	s.term.Resize(w, h)
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	// The process may be gone; then nobody misses it.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(w), Row: uint16(h)})
	})
}

// Ended reports whether the process has ended, and how.
func (s *Session) Ended() (bool, error) {
	select {
	case <-s.done:
		return true, s.err
	default:
		return false, nil
	}
}

// Close ends the process as a terminal that is closed does, and waits for it.
func (s *Session) Close() error {
	if ended, _ := s.Ended(); ended {
		return nil // the number of its process may be another's by now
	}
	signal := func(sig syscall.Signal) {
		// pty.Start made the process the leader of a session: its group is its own.
		_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	}
	signal(syscall.SIGHUP)
	select {
	case <-s.done:
		return nil
	case <-time.After(patience):
	}
	signal(syscall.SIGKILL)
	select {
	case <-s.done:
		return nil
	case <-time.After(2 * patience):
		return errors.New("the shell does not end")
	}
}

// screen calls f while nothing is drawn.
func (s *Session) screen(f func(t *vt.Emulator)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.term)
}

// Cursor is where the cursor is, and whether it is shown.
func (s *Session) Cursor() (uv.Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term.CursorPosition(), s.cursor
}

// Title is what the process calls its window.
func (s *Session) Title() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.title
}

// Dropped is how many bytes were typed that the process did not take.
func (s *Session) Dropped() int { return s.keys.Dropped() }
