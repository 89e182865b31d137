package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// screen is the program in a terminal, as a person has it.
type screen struct {
	t        *testing.T
	cmd      *exec.Cmd
	file     *os.File
	terminal *vt.SafeEmulator
	exited   chan struct{}
	// raw is the newest that the program wrote: what a terminal does not show is there.
	raw *newest
}

// newest keeps the end of what is written to it.
type newest struct {
	mu   sync.Mutex
	data []byte
}

// Write implements io.Writer.
func (n *newest) Write(b []byte) (int, error) {
	const most = 1 << 20
	n.mu.Lock()
	defer n.mu.Unlock()
	n.data = append(n.data, b...)
	n.data = n.data[max(0, len(n.data)-most):]
	return len(b), nil
}

func (n *newest) has(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Contains(n.data, []byte(text))
}

func (n *newest) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.data)
}

// openScreen runs the program in a terminal of that size.
func openScreen(t *testing.T, width, height int, env []string, args ...string) *screen {
	t.Helper()
	// Nothing that an earlier run remembered, such as the view it was in, shows here.
	home := t.TempDir()
	env = append([]string{"XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home}, env...)
	return openCommand(t, width, height, env, append([]string{program()}, args...)...)
}

// openCommand runs any program in a terminal of that size.
func openCommand(t *testing.T, width, height int, env []string, line ...string) *screen {
	t.Helper()
	s := &screen{t: t, cmd: exec.Command(line[0], line[1:]...), terminal: vt.NewSafeEmulator(width, height), exited: make(chan struct{}), raw: &newest{}}
	s.cmd.Env = append(append(os.Environ(), "TERM=xterm-256color"), env...)
	var err error
	if s.file, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	// What the program asks of the terminal, the terminal answers.
	go func() { _, _ = io.Copy(s.file, s.terminal) }()
	go func() {
		_, _ = io.Copy(io.MultiWriter(s.terminal, s.raw), s.file)
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(limit):
			_ = s.cmd.Process.Kill()
			t.Error("the app does not end")
		}
		_ = s.terminal.Close()
		_ = s.file.Close()
	})
	return s
}

func (s *screen) text() string { return ansi.Strip(s.terminal.Render()) }

// sees waits until all of it is on the screen.
func (s *screen) sees(words ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%q on the screen", words), func(text string) bool {
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

// loses waits until it is no longer on the screen.
func (s *screen) loses(word string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%q gone from the screen", word), func(text string) bool { return !strings.Contains(text, word) })
}

func (s *screen) until(what string, ok func(text string) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		// In this order: what the program writes last is on the screen when it is over.
		over := s.over()
		text := s.text()
		switch {
		case ok(text):
			return
		case over:
			s.t.Fatalf("the app ended before: %s\n%s", what, text)
		case time.Now().After(deadline):
			s.t.Fatalf("never: %s\n%s", what, text)
		}
	}
}

func (s *screen) over() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// keys presses keys: names of a few, else what is typed.
func (s *screen) keys(keys ...string) {
	s.t.Helper()
	named := map[string]string{"enter": "\r", "esc": "\x1b", "tab": "\t", "ctrl+u": "\x15"}
	for _, k := range keys {
		if sequence, ok := named[k]; ok {
			k = sequence
		}
		if _, err := io.WriteString(s.file, k); err != nil {
			s.t.Fatal(err)
		}
		// An escape that something follows at once would be part of that key.
		if k == "\x1b" {
			time.Sleep(time.Second)
		}
	}
}

// click presses the mouse where a text is that is on the screen once, or at first.
func (s *screen) click(text string) {
	s.t.Helper()
	s.sees(text)
	for y, line := range strings.Split(s.text(), "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			at := fmt.Sprintf("0;%d;%d", ansi.StringWidth(before)+1, y+1)
			s.keys("\x1b[<"+at+"M", "\x1b[<"+at+"m")
			return
		}
	}
}

// copied waits until a text was given to the terminal's clipboard.
func (s *screen) copied(text string) {
	s.t.Helper()
	want := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text))
	s.until("a clipboard with "+text, func(string) bool { return s.raw.has(want) })
}

// line goes to the end of a line of the text that is edited, from the text's beginning.
func (s *screen) line(text string) {
	s.t.Helper()
	down := 0
	numbered := regexp.MustCompile(`(\d+) +` + regexp.QuoteMeta(text))
	if !numbered.MatchString(s.text()) {
		// It is further down. A text that is shorter than that has it on the screen.
		down = 20
		s.keys(strings.Repeat("\x1b[B", down))
		s.until("a line "+text, numbered.MatchString)
	}
	number, err := strconv.Atoi(numbered.FindStringSubmatch(s.text())[1])
	if err != nil {
		s.t.Fatal(err)
	}
	s.keys(strings.Repeat("\x1b[B", max(0, number-1-down)), strings.Repeat("\x1b[A", max(0, down+1-number)), "\x05")
}

// run runs a command in the app's command line.
func (s *screen) run(command string) {
	s.t.Helper()
	s.keys(":")
	s.sees("tab completes")
	s.keys(command, "enter")
}

// insists presses a key, again after some time, until the screen has what it is for. It does so
// only where the screen offers that: pressed twice on a busy machine, the key may do something else.
func (s *screen) insists(key, offer string, want *regexp.Regexp) {
	s.t.Helper()
	var pressed time.Time
	s.until(want.String(), func(text string) bool {
		if want.MatchString(text) {
			return true
		}
		if strings.Contains(text, offer) && time.Since(pressed) > 30*time.Second {
			pressed = time.Now()
			s.keys(key)
		}
		return false
	})
}

// leave leaves the command line.
func (s *screen) leave() {
	s.t.Helper()
	s.sees("tab completes")
	s.keys("esc")
	s.loses("tab completes")
}

// ends waits for the program's end and returns its exit code.
func (s *screen) ends() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(limit):
		s.t.Fatalf("the app does not end\n%s", s.text())
	}
	return s.cmd.ProcessState.ExitCode()
}
