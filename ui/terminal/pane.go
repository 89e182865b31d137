package terminal

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"

	"kubarium/ui/pane"
	"kubarium/ui/theme"
	"kubarium/ui/widget"
)

const (
	// frame is the least time between two pictures.
	frame = 16 * time.Millisecond
	// short is a life that had a fault, if it ended with an error: what it printed stays to
	// be read.
	short = 2 * time.Second
	// mostEarly bounds what is typed before there is a shell.
	mostEarly = 256
)

// StartedMsg says that the shell has started, or why not.
type StartedMsg struct {
	session *Session
	err     error
}

// ChangedMsg says that the terminal has something new to show.
type ChangedMsg struct{ from *Session }

// EndedMsg says that the shell has ended, and that there is nothing left to read.
type EndedMsg struct{}

// RanMsg says that a command ended in the shell.
type RanMsg struct{ Ran }

// Pane is the terminal's place on the screen.
type Pane struct {
	ctx     *pane.Context
	shell   func() (*exec.Cmd, error)
	session *Session
	started time.Time
	drawn   time.Time
	// starting says that a session is being made, early is what was typed meanwhile.
	starting bool
	early    []func(*Session)
	// made is the session that was made last: nobody may be left to be told of it.
	made atomic.Pointer[Session]
	// fault is why there is no session.
	fault error

	w, h int
	// back is how many lines above the newest the picture begins.
	back   int
	choice selection
}

// New makes a terminal for shells that shell makes, not started yet.
func New(ctx *pane.Context, shell func() (*exec.Cmd, error)) *Pane {
	return &Pane{ctx: ctx, shell: shell}
}

// Running reports whether there is a shell, or will be.
func (p *Pane) Running() bool { return p.session != nil || p.starting }

// Open starts the shell unless one runs.
func (p *Pane) Open() tea.Cmd {
	if p.starting {
		return nil
	}
	if p.session != nil {
		if ended, _ := p.session.Ended(); !ended {
			return nil
		}
	}
	p.back, p.choice, p.session, p.fault, p.starting = 0, selection{}, nil, nil, true
	w, h := p.inner()
	return func() tea.Msg {
		s, err := p.start(w, h)
		return StartedMsg{session: s, err: err}
	}
}

// inner is the size of the shell's terminal.
func (p *Pane) inner() (w, h int) { return max(2, p.w-2), max(1, p.h-2) }

// start makes a session; it runs in a command. One that comes when the app is leaving ends
// here, or in Close: who of them is later sees it.
func (p *Pane) start(w, h int) (*Session, error) {
	cmd, err := p.shell()
	if err != nil {
		return nil, err
	}
	s, err := Start(cmd, w, h)
	if err != nil {
		return nil, err
	}
	p.made.Store(s)
	if err := p.ctx.Lifetime().Err(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// take takes over a session that was made, with what was typed meanwhile.
func (p *Pane) take(msg StartedMsg) tea.Cmd {
	early := p.early
	p.starting, p.early = false, nil
	p.session, p.fault = msg.session, msg.err
	if p.fault != nil {
		return nil
	}
	p.started = time.Now()
	p.session.Resize(p.inner())
	for _, do := range early {
		do(p.session)
	}
	return p.wait()
}

// give has the session do something, as soon as there is one.
func (p *Pane) give(do func(*Session)) {
	switch {
	case p.session != nil:
		do(p.session)
	case p.starting && len(p.early) < mostEarly:
		p.early = append(p.early, do)
	}
}

// wait is for the next change; pictures come no faster than frames.
func (p *Pane) wait() tea.Cmd {
	s, drawn := p.session, p.drawn
	return func() tea.Msg {
		<-s.changed
		time.Sleep(frame - time.Since(drawn))
		return ChangedMsg{from: s}
	}
}

// Update takes the pane's own messages.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	if started, ok := msg.(StartedMsg); ok {
		return p.take(started)
	}
	changed, ok := msg.(ChangedMsg)
	if !ok || changed.from != p.session {
		return nil
	}
	p.drawn = time.Now()
	var cmds []tea.Cmd
	for _, ran := range p.session.TakeRan() {
		cmds = append(cmds, func() tea.Msg { return RanMsg{ran} })
	}
	ended, err := p.session.Ended()
	switch {
	case !ended:
		cmds = append(cmds, p.wait())
	case err == nil || time.Since(p.started) >= short:
		p.session = nil
		cmds = append(cmds, func() tea.Msg { return EndedMsg{} })
	}
	return tea.Sequence(cmds...)
}

// Resize gives the pane its room, frame included.
func (p *Pane) Resize(w, h int) {
	p.w, p.h = w, h
	if p.session != nil && w > 3 && h > 2 {
		p.session.Resize(w-2, h-2)
	}
}

// Key types a key, but for those that move what is shown.
func (p *Pane) Key(msg tea.KeyPressMsg) tea.Cmd {
	if p.session == nil {
		p.give(func(s *Session) { s.Key(msg) })
		return nil
	}
	switch msg.String() {
	case "shift+pgup":
		p.Scroll(-max(1, p.h-3))
		return nil
	case "shift+pgdown":
		p.Scroll(max(1, p.h-3))
		return nil
	}
	p.back, p.choice = 0, selection{}
	if ended, _ := p.session.Ended(); ended {
		if msg.String() == "enter" {
			return p.Open()
		}
		return nil
	}
	p.session.Key(msg)
	return nil
}

// Type puts a text where the cursor is, for the user to run.
func (p *Pane) Type(text string) {
	p.back = 0
	p.give(func(s *Session) { s.Paste(text) })
}

// Ready reports whether the shell waits for a command.
func (p *Pane) Ready() bool { return p.session != nil && p.session.prompts() }

// Enter runs a line in the shell, in place of what stands there half typed.
func (p *Pane) Enter(line string) {
	if p.session != nil {
		p.back = 0
		p.session.enter(line)
	}
}

// Scroll moves by lines, older ones are negative.
func (p *Pane) Scroll(by int) {
	if p.session == nil {
		return
	}
	most := 0
	p.session.screen(func(t *vt.Emulator) {
		if !t.IsAltScreen() {
			most = t.ScrollbackLen()
		}
	})
	p.back = max(0, min(p.back-by, most))
}

// Close ends the shell.
func (p *Pane) Close() error {
	s := p.made.Load()
	if s == nil {
		return nil
	}
	return s.Close()
}

// View draws the terminal in its frame.
func (p *Pane) View(focused bool) string {
	t := p.ctx.Theme
	title := "terminal"
	box := widget.Box{
		Border: t.Icons.Border, Style: t.Border, Ellipsis: t.Icons.Ellipsis, Thumb: t.Icons.ScrollThumb,
		Title: t.HeadingBold.Render(title),
	}
	if focused {
		box.Style, box.Title = t.BorderFocus, t.Key.Render(title)
	}
	if p.session == nil {
		return box.Draw(p.noSession(), p.w, p.h)
	}
	if name := widget.Clean(p.session.Title()); name != "" {
		box.Title += t.Tone(theme.Muted).Render(" " + name)
	}
	lines, total := p.lines()
	rows := max(1, p.h-2)
	if p.back > 0 {
		box.Right = t.Tone(theme.Warn).Render(fmt.Sprintf("%d lines back, any key returns", p.back))
		box.Scroll = &widget.Scroll{Offset: total - rows - p.back, Visible: rows, Total: total}
	}
	if ended, _ := p.session.Ended(); ended {
		box.Right = t.Tone(theme.Warn).Render("the shell has ended, enter starts another")
	}
	return box.Draw(strings.Join(lines, "\n"), p.w, p.h)
}

func (p *Pane) noSession() string {
	t := p.ctx.Theme
	switch {
	case p.starting:
		return " " + t.Tone(theme.Muted).Render("the shell starts")
	case p.fault == nil:
		return ""
	}
	return " " + t.Tone(theme.Bad).Render(t.Icons.Failing+" "+widget.Clean(p.fault.Error()))
}

// Cursor is where the cursor stands inside the pane; nil if it is not to be seen.
func (p *Pane) Cursor() *tea.Cursor {
	if p.session == nil || p.back > 0 {
		return nil
	}
	at, visible := p.session.Cursor()
	if !visible {
		return nil
	}
	c := tea.NewCursor(at.X+1, at.Y+1)
	c.Blink = false
	return c
}
