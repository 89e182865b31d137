package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// burst is how long nothing may be written between two parts of one frame.
const burst = 4 * time.Millisecond

// screen is a terminal with a program in it.
type screen struct {
	cmd  *exec.Cmd
	file *os.File
	done chan struct{}

	mu       sync.Mutex
	terminal *vt.Emulator
	// selected is the line in reverse video, since when it is.
	selected string
	since    time.Time
	// frames is how often something was written, written when last.
	frames  int
	written time.Time
	changed chan struct{} // closed at the next write
}

func open(cmd *exec.Cmd, size Size) (*screen, error) {
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=truecolor", "NO_COLOR=")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(size.Height), Cols: uint16(size.Width)})
	if err != nil {
		return nil, fmt.Errorf("start the app in a terminal: %w", err)
	}
	s := &screen{cmd: cmd, file: file, done: make(chan struct{}), terminal: vt.NewEmulator(size.Width, size.Height), changed: make(chan struct{})}
	// The terminal answers what it is asked.
	go func() { _, _ = io.Copy(file, s.terminal) }()
	pieces := make(chan piece, 4096)
	go s.read(pieces)
	go func() {
		defer close(s.done)
		for p := range pieces {
			s.draw(p.data, p.at)
		}
	}()
	return s, nil
}

// piece is something that the app has written.
type piece struct {
	data []byte
	at   time.Time
}

// read takes down when the app writes what, until it ends. It is drawn later: the app
// must not have to wait for that.
func (s *screen) read(pieces chan<- piece) {
	defer close(pieces)
	for {
		buf := make([]byte, 4<<10) // a terminal holds no more
		n, err := s.file.Read(buf)
		if n > 0 {
			pieces <- piece{buf[:n], time.Now()}
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) draw(data []byte, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.Sub(s.written) > burst {
		s.frames++
	}
	s.written = at
	_, _ = s.terminal.Write(data)
	if line := s.reversed(); line != "" && line != s.selected {
		s.selected, s.since = line, at
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// reversed is the line of the lists that is in reverse video.
func (s *screen) reversed() string {
	for y := 1; y < s.terminal.Height()-1; y++ {
		// The cursor's line is reversed from its first columns on.
		c := s.terminal.CellAt(3, y)
		if c == nil || c.Style.Attrs&uv.AttrReverse == 0 {
			continue
		}
		var b strings.Builder
		for x := 1; x < 60; x++ {
			if c := s.terminal.CellAt(x, y); c != nil {
				b.WriteString(c.Content)
			}
		}
		return b.String()
	}
	return ""
}

// text is what is to be seen.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.terminal.String()
}

// await waits until a text is to be seen.
func (s *screen) await(ctx context.Context, text string) error {
	for {
		s.mu.Lock()
		there, changed := strings.Contains(s.terminal.String(), text), s.changed
		s.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-s.done:
			return fmt.Errorf("the app has ended before it showed %q: %s", text, strings.TrimSpace(s.text()))
		case <-ctx.Done():
			return fmt.Errorf("wait for %q on the screen: %w", text, ctx.Err())
		}
	}
}

var errNoFrame = errors.New("a key changed nothing on the screen")

// patience is how long a key may take before the measurement is given up.
const patience = 10 * time.Second

// press presses a key that moves the cursor, and returns how long it took to be painted.
func (s *screen) press(ctx context.Context, key string) (time.Duration, error) {
	s.mu.Lock()
	before, changed := s.selected, s.changed
	s.mu.Unlock()
	begin := time.Now()
	if _, err := io.WriteString(s.file, key); err != nil {
		return 0, fmt.Errorf("press a key: %w", err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case <-changed:
		case <-s.done:
			return 0, errors.New("the app has ended")
		case <-late.C:
			return 0, errNoFrame
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		s.mu.Lock()
		now, since := s.selected, s.since
		changed = s.changed
		s.mu.Unlock()
		if now != before {
			return since.Sub(begin), nil
		}
	}
}

func (s *screen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames
}

// end asks the app to end, and waits until it has.
func (s *screen) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end the app: %w", err)
	}
	<-s.done
	err := s.cmd.Wait()
	_ = s.terminal.Close()
	_ = s.file.Close()
	if err != nil {
		return fmt.Errorf("the app ended: %w: %s", err, strings.TrimSpace(s.text()))
	}
	return nil
}
