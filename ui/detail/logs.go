package detail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/facts"
	"kubarium/ui/keys"
	"kubarium/ui/pane"
	"kubarium/ui/widget"
)

const (
	logBatch     = 500
	logBatchTime = 40 * time.Millisecond
)

// logs is the log that is followed.
type logs struct {
	pager     widget.Pager
	container int
	previous  bool
	opened    bool
	stream    *stream
	err       error
	ended     bool
}

// stream is one log being read. It is read only as fast as the app takes it.
type stream struct {
	cancel context.CancelFunc
	lines  chan string
	err    chan error
}

type logMsg struct {
	from  *stream
	lines []string
	err   error
	ended bool
}

func (l *logs) close() {
	if l.stream != nil {
		l.stream.cancel()
		l.stream = nil
	}
	l.opened = false
}

// status says why there are no lines.
func (l *logs) status() string {
	switch {
	case l.err != nil:
		return l.err.Error()
	case l.ended:
		return "The log is empty, and nothing writes to it any more."
	}
	return "The log is empty so far."
}

// containers are the pod's; none for a node or a component.
func (v *View) containers() []string {
	if f := v.pod(); f != nil {
		return f.Containers()
	}
	return nil
}

func (v *View) pod() *facts.Pod {
	if v.ref.Kind != "Pod" {
		return nil
	}
	return v.ctx.Snapshot.Pod(v.ref.Namespace, v.ref.Name)
}

// openLogs begins to follow the log, anew if it was followed before.
func (v *View) openLogs() tea.Cmd {
	v.logs.close()
	l := &v.logs
	l.pager.Set(nil)
	l.pager.Follow = true
	l.opened, l.err, l.ended = true, nil, false

	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{cancel: cancel, lines: make(chan string, logBatch), err: make(chan error, 1)}
	l.stream = s
	open := v.opener()
	return func() tea.Msg {
		r, err := open(ctx)
		if err != nil {
			cancel()
			return logMsg{from: s, err: err, ended: true}
		}
		go s.read(ctx, r)
		return s.next()
	}
}

// opener is how the log that the view is about is opened.
func (v *View) opener() func(context.Context) (io.ReadCloser, error) {
	name := v.component
	if v.ref.Kind == "Node" {
		name = v.ref.Name
	}
	if name != "" {
		path := v.backend.LogFile(name)
		return func(ctx context.Context) (io.ReadCloser, error) {
			if path == "" {
				return nil, errors.New("there is no log of " + name + " on this machine")
			}
			return tail(ctx, path)
		}
	}
	container := ""
	if names := v.containers(); len(names) > 0 {
		v.logs.container %= len(names)
		container = names[v.logs.container]
	}
	ref, previous := v.ref, v.logs.previous
	return func(ctx context.Context) (io.ReadCloser, error) {
		return v.backend.Logs(ctx, ref.Namespace, ref.Name, container, previous)
	}
}

func (s *stream) read(ctx context.Context, r io.ReadCloser) {
	defer close(s.lines)
	defer func() { _ = r.Close() }()
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			select {
			case s.lines <- widget.Clean(strings.TrimRight(line, "\r\n")):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.err <- err
			}
			return
		}
	}
}

// next waits for lines; it is a tea.Cmd, called again after each logMsg.
func (s *stream) next() tea.Msg {
	first, ok := <-s.lines
	if !ok {
		msg := logMsg{from: s, ended: true}
		select {
		case msg.err = <-s.err:
		default:
		}
		return msg
	}
	lines := []string{first}
	timeout := time.NewTimer(logBatchTime)
	defer timeout.Stop()
	for len(lines) < logBatch {
		select {
		case line, ok := <-s.lines:
			if !ok {
				return logMsg{from: s, lines: lines}
			}
			lines = append(lines, line)
			continue
		case <-timeout.C:
		}
		break
	}
	return logMsg{from: s, lines: lines}
}

// Update takes the messages that the view's own commands give.
func (v *View) Update(msg tea.Msg) tea.Cmd {
	if v.Typing() {
		switch msg.(type) {
		case tea.KeyPressMsg, tea.PasteMsg:
			return v.editKey(msg)
		}
	}
	switch msg := msg.(type) {
	case editMsg:
		if msg.view == v {
			return v.edited(msg)
		}
	case textMsg:
		if msg.view == v {
			return v.gotText(msg)
		}
	case objectMsg:
		if msg.view == v {
			return v.gotObject(msg)
		}
	case yamlMsg:
		if msg.view == v {
			return v.gotYAML(msg)
		}
	case explainMsg:
		if msg.view == v {
			v.explained(msg)
			return v.explain()
		}
	case logMsg:
		if msg.from == v.logs.stream && msg.from != nil {
			return v.gotLog(msg)
		}
	}
	return nil
}

func (v *View) gotLog(msg logMsg) tea.Cmd {
	l := &v.logs
	for i, line := range msg.lines {
		msg.lines[i] = v.ctx.Theme.Text.Render(line)
	}
	l.pager.Append(msg.lines...)
	if !msg.ended {
		return msg.from.next
	}
	l.err, l.ended = msg.err, true
	if l.pager.Len() > 0 {
		note := "the log ends here"
		if msg.err != nil {
			note = msg.err.Error()
		}
		l.pager.Append(v.ctx.Theme.Heading.Render(widget.Clean("-- " + note + " --")))
	}
	return nil
}

// logBindings are the keys of the logs tab.
func (v *View) logBindings() keys.Set {
	if v.tab != pane.Logs {
		return nil
	}
	l := &v.logs
	follow := "follow"
	if l.pager.Follow {
		follow = "hold"
	}
	set := keys.Set{{Keys: []string{"f"}, Action: "follow", Desc: follow, Long: "stay at the log's end, or hold it", Bar: true, Run: func() tea.Cmd {
		l.pager.Follow = !l.pager.Follow
		l.pager.Scroll(0)
		return nil
	}}, {Keys: []string{"r"}, Desc: "read again", Long: "open the log anew", Bar: l.ended, Run: v.openLogs}}
	names := v.containers()
	if len(names) == 0 {
		return set
	}
	return append(set, keys.Binding{
		Keys: []string{"C"}, Action: "next-container", Desc: fmt.Sprintf("container %s", names[l.container%len(names)]), Long: "the pod's next container", Bar: len(names) > 1,
		Disabled: func() string {
			if len(names) == 1 {
				return "the pod has one container only"
			}
			return ""
		},
		Run: func() tea.Cmd { l.container++; return v.openLogs() },
	}, keys.Binding{
		Keys: []string{"p"}, Desc: "previous", Long: "the log of the container before its last restart, or of the one that runs", Bar: true,
		Disabled: func() string {
			if f := v.pod(); f != nil && f.Restarts == 0 && !l.previous {
				return "no container of this pod was restarted"
			}
			return ""
		},
		Run: func() tea.Cmd { l.previous = !l.previous; return v.openLogs() },
	})
}
