package terminal

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// shellIntegration is the OSC command by which a shell says what was typed into it and
// how it ended: Visual Studio Code's.
const shellIntegration = 633

// maxRan bounds the commands that nobody has asked for yet.
const maxRan = 64

// listen takes what the program says about the terminal beside drawing. All callbacks
// run inside Write, with the lock held.
func (s *Session) listen() {
	s.term.SetCallbacks(vt.Callbacks{
		CursorVisibility: func(visible bool) { s.cursor = visible },
		Title:            func(title string) { s.title = title },
		EnableMode:       func(m ansi.Mode) { s.mode(m, true) },
		DisableMode:      func(m ansi.Mode) { s.mode(m, false) },
	})
	s.term.RegisterOscHandler(shellIntegration, func(data []byte) bool {
		s.integration(string(data))
		return true
	})
}

// mode keeps which reports of the mouse the program wants.
func (s *Session) mode(m ansi.Mode, on bool) {
	switch m {
	case ansi.ModeMouseX10, ansi.ModeMouseNormal, ansi.ModeMouseHighlight, ansi.ModeMouseButtonEvent, ansi.ModeMouseAnyEvent:
		if on {
			s.mouse[m.Mode()] = true
		} else {
			delete(s.mouse, m.Mode())
		}
	}
}

// WantsMouse reports whether the program reads the mouse.
func (s *Session) WantsMouse() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mouse) > 0
}

// integration reads "633;A": the shell waits, "633;C": output begins, "633;E;LINE" and
// "633;D;CODE".
func (s *Session) integration(data string) {
	parts := strings.SplitN(data, ";", 3)
	if len(parts) == 2 {
		s.prompt = parts[1] == "A"
		if parts[1] == "C" {
			s.output.begin()
		}
	}
	if len(parts) < 3 {
		return
	}
	switch parts[1] {
	case "E":
		s.typed = unescape(parts[2])
	case "D":
		code, err := strconv.Atoi(parts[2])
		if err != nil || s.typed == "" {
			return
		}
		if len(s.ran) == maxRan {
			s.ran = s.ran[1:]
		}
		s.ran = append(s.ran, Ran{Line: s.typed, Code: code, Output: s.output.end()})
		s.typed = ""
	}
}

// unescape undoes what the shells' start files do to a command line: backslashes are
// doubled, other characters that end the sequence are \xNN.
func unescape(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' || i+1 == len(line) {
			b.WriteByte(line[i])
			continue
		}
		if line[i+1] == 'x' && i+3 < len(line) {
			if n, err := strconv.ParseUint(line[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(line[i])
	}
	return b.String()
}

// prompts reports whether the shell has said that it waits for a command.
func (s *Session) prompts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prompt
}

// TakeRan returns the commands that ended since it was asked last.
func (s *Session) TakeRan() []Ran {
	s.mu.Lock()
	defer s.mu.Unlock()
	ran := s.ran
	s.ran = nil
	return ran
}
