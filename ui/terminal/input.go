package terminal

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// finals end the sequences of keys that xterm reports with their modifiers.
var finals = map[rune]string{
	tea.KeyUp: "1A", tea.KeyDown: "1B", tea.KeyRight: "1C", tea.KeyLeft: "1D", tea.KeyHome: "1H", tea.KeyEnd: "1F",
	tea.KeyInsert: "2~", tea.KeyDelete: "3~", tea.KeyPgUp: "5~", tea.KeyPgDown: "6~",
}

// Key types a key.
func (s *Session) Key(msg tea.KeyPressMsg) {
	key := uv.Key(msg)
	s.mu.Lock()
	defer s.mu.Unlock()
	mod := key.Mod & (uv.ModShift | uv.ModAlt | uv.ModCtrl)
	if f, ok := finals[key.Code]; ok && mod != 0 {
		// One more than the bits shift, alt and ctrl, as xterm counts them.
		n := 1
		for bit, m := range []uv.KeyMod{uv.ModShift, uv.ModAlt, uv.ModCtrl} {
			if mod.Contains(m) {
				n += 1 << bit
			}
		}
		s.term.SendText(fmt.Sprintf("\x1b[%c;%d%c", f[0], n, f[1]))
		return
	}
	if key.Text != "" && !mod.Contains(uv.ModAlt) && !mod.Contains(uv.ModCtrl) {
		s.term.SendText(key.Text)
		return
	}
	// The locks are no modifiers of what is typed.
	s.term.SendKey(uv.KeyPressEvent(uv.Key{Code: key.Code, Mod: mod}))
}

// Paste types a text as one that was not typed.
func (s *Session) Paste(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term.Paste(text)
}

// enter empties the line that is being typed, and runs another one.
func (s *Session) enter(line string) {
	const lineEnd, killLine = "\x05", "\x15"
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompt = false
	s.term.SendText(lineEnd + killLine + line + "\r")
}

// Mouse passes an event of the mouse to the program, if it wants such.
func (s *Session) Mouse(msg tea.MouseMsg, x, y int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := uv.Mouse(msg.Mouse())
	m.X, m.Y = x, y
	switch msg.(type) {
	case tea.MouseClickMsg:
		s.term.SendMouse(uv.MouseClickEvent(m))
	case tea.MouseReleaseMsg:
		s.term.SendMouse(uv.MouseReleaseEvent(m))
	case tea.MouseWheelMsg:
		s.term.SendMouse(uv.MouseWheelEvent(m))
	case tea.MouseMotionMsg:
		s.term.SendMouse(uv.MouseMotionEvent(m))
	}
}
