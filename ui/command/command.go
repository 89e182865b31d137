// Package command is the command line: an input line that runs real kubectl, and
// the dock above it that shows what it prints.
package command

import (
	"errors"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

const (
	keepLines   = 5000
	keepHistory = 200
)

// ExecMsg asks to give the terminal to kubectl.
type ExecMsg struct {
	Args []string
	Line string
}

// QuitMsg asks to leave the app: somebody typed "quit".
type QuitMsg struct{}

// Line is the command line and its dock.
type Line struct {
	ctx     *pane.Context
	kubectl Kubectl
	input   textinput.Model
	pager   widget.Pager
	w, h    int

	// Resolve, if set, has the first look at a line: one that is not for kubectl becomes
	// the message that it gives.
	Resolve func(line string) (tea.Msg, bool)

	open    bool // the input line has the keyboard
	docked  bool // the dock is on the screen
	running *process
	history []string
	filled  string // what was put into the line for the user
	at      int    // place in the history; its length is the line being typed
	draft   string
}

// New makes a command line.
func New(ctx *pane.Context, kubectl Kubectl) *Line {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 4096
	in.SetVirtualCursor(false)
	l := &Line{ctx: ctx, kubectl: kubectl, input: in}
	l.pager = widget.Pager{Keep: keepLines, Wrap: true, Follow: true, Whole: isRow}
	return l
}

// isRow reports whether a line is part of a table: those are cut, not broken.
func isRow(line string) bool { return strings.Contains(line, "   ") }

// Open reports whether the line has the keyboard, Docked whether there is a dock
// to be drawn, Running whether a command runs.
func (l *Line) Open() bool    { return l.open }
func (l *Line) Docked() bool  { return l.docked }
func (l *Line) Running() bool { return l.running != nil }

// Focus gives the line the keyboard, with a command in it if text is not empty.
func (l *Line) Focus(text string) tea.Cmd {
	l.open = true
	if text != "" {
		l.filled = text
		l.input.SetValue(text)
		l.input.CursorEnd()
	}
	return l.input.Focus()
}

// Leave gives the keyboard back; the dock stays.
func (l *Line) Leave() {
	l.open = false
	l.input.Blur()
	// What was put there and left as it is, nobody began to write.
	if l.filled != "" && l.input.Value() == l.filled {
		l.input.Reset()
	}
	l.filled = ""
}

// Close takes the dock away. A command that runs goes on.
func (l *Line) Close() {
	l.Leave()
	l.docked = false
}

// SetSize tells the dock's room, frame included.
func (l *Line) SetSize(w, h int) {
	l.w, l.h = w, h
	l.pager.SetSize(max(0, w-4), max(0, h-2))
	l.input.SetWidth(max(10, w-14))
}

// Interrupt stops the command that runs, or clears the line. It reports whether
// there was anything to do.
func (l *Line) Interrupt() bool {
	switch {
	case l.running != nil:
		l.running.stopped = true
		l.running.cancel()
	case l.open && l.input.Value() != "":
		l.input.Reset()
	case l.open:
		l.Leave()
	default:
		return false
	}
	return true
}

// End ends the command that runs, if any: the app is leaving.
func (l *Line) End() {
	if l.running != nil {
		l.running.cancel()
	}
}

// Update takes the messages of processes, and keys and pasted text while open.
func (l *Line) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case OutputMsg:
		if msg.from != l.running {
			return nil
		}
		l.pager.Append(msg.Lines...)
		return l.running.next
	case DoneMsg:
		l.done(msg)
		return nil
	case completedMsg:
		l.completed(msg)
		return nil
	case tea.KeyPressMsg:
		if cmd, ok := l.Bindings().Dispatch(msg.String()); ok {
			return cmd
		}
		// Who has learned that commands begin with it types it in the open line, too.
		if msg.Text == ":" && l.input.Value() == "" {
			return nil
		}
	}
	var cmd tea.Cmd
	l.input, cmd = l.input.Update(msg)
	return cmd
}

// Bindings are the keys of the open line.
func (l *Line) Bindings() keys.Set {
	scroll := func(by int) func() tea.Cmd {
		return func() tea.Cmd { l.pager.Page(by); return nil }
	}
	back := func(by int) func() tea.Cmd {
		return func() tea.Cmd { l.recall(by); return nil }
	}
	return keys.Set{
		{Keys: []string{"enter"}, Desc: "run", Long: "run the command", Bar: true, Run: l.submit},
		{Keys: []string{"tab"}, Desc: "complete", Long: "complete the word, with what the cluster has", Bar: true, Run: l.complete},
		{Keys: []string{"esc"}, Desc: "back", Long: "leave the command line; once more closes its dock", Bar: true, Run: func() tea.Cmd { l.Leave(); return nil }},
		{Keys: []string{"up"}, Label: "↑", Desc: "history", Long: "the command before, and the one after (↓)", Bar: true, Run: back(-1)},
		{Keys: []string{"down"}, Label: "↓", Desc: "next in history", Run: back(1)},
		{Keys: []string{"pgup"}, Desc: "scroll", Long: "scroll the output up, and down (pgdn)", Bar: true, Run: scroll(-1)},
		{Keys: []string{"pgdown"}, Label: "pgdn", Desc: "scroll down", Run: scroll(1)},
	}
}

// recall walks through the history; the line being typed is at its end.
func (l *Line) recall(by int) {
	next := max(0, min(l.at+by, len(l.history)))
	if next == l.at {
		return
	}
	if l.at == len(l.history) {
		l.draft = l.input.Value()
	}
	l.at = next
	if next == len(l.history) {
		l.input.SetValue(l.draft)
	} else {
		l.input.SetValue(l.history[next])
	}
	l.input.CursorEnd()
}

func (l *Line) submit() tea.Cmd {
	text := strings.TrimSpace(l.input.Value())
	if text == "" && l.running == nil {
		// Nothing is left to run: the lesson or pane behind waits for its own enter.
		l.Leave()
	}
	if text == "" {
		return nil
	}
	if l.running != nil {
		l.note("a command runs: ctrl+c stops it")
		return nil
	}
	l.remember(text)
	l.input.Reset()
	switch text {
	case "q", "q!", "quit", "exit":
		return func() tea.Msg { return QuitMsg{} }
	case "clear":
		l.pager.Set(nil)
		return nil
	}
	if l.Resolve != nil {
		if msg, ok := l.Resolve(text); ok {
			return func() tea.Msg { return msg }
		}
	}
	return l.start(text)
}

// Play runs a command as if it had been typed. The error says why it does not begin.
func (l *Line) Play(text string) (tea.Cmd, error) {
	_, err := Args(text)
	switch {
	case l.running != nil:
		return nil, errors.New("another command runs: ctrl+c stops it")
	case err != nil:
		return nil, err
	case l.kubectl == nil:
		return nil, errors.New("there is no kubectl here")
	}
	l.remember(text)
	return l.start(text), nil
}

func (l *Line) start(text string) tea.Cmd {
	args, err := Args(text)
	line := strings.TrimSpace("kubectl " + strings.TrimPrefix(strings.TrimPrefix(text, "kubarium "), "kubectl"))
	if Own(args) {
		line = strings.Replace(line, "kubectl", "kubarium", 1)
	}
	line = strings.Join(strings.Fields(line), " ")
	t := l.ctx.Theme
	l.docked, l.pager.Follow = true, true
	l.pager.Append(t.Prompt.Render("$ ") + t.Bold.Render(widget.Clean(line)))
	switch {
	case err != nil:
		l.note(err.Error())
		return nil
	case l.kubectl == nil:
		l.note("there is no kubectl here")
		return nil
	case Interactive(args):
		return func() tea.Msg { return ExecMsg{Args: args, Line: line} }
	}
	l.running = newProcess(l.ctx.Lifetime(), l.kubectl, args, line)
	return l.running.run
}

func (l *Line) remember(text string) {
	if n := len(l.history); n == 0 || l.history[n-1] != text {
		l.history = append(l.history, text)
	}
	if n := len(l.history); n > keepHistory {
		l.history = l.history[n-keepHistory:]
	}
	l.at, l.draft = len(l.history), ""
}

// Ran notes the end of a command that had the terminal to itself.
// Scroll moves the dock's text, up and down or sideways.
func (l *Line) Scroll(by int)   { l.pager.Scroll(by) }
func (l *Line) Sideways(by int) { l.pager.Sideways(by) }

// Dock draws what commands have printed.
// View draws the input line in w cells, and tells where its cursor is.
