package detail

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
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
	// timestamps has each line begin with its time.
	timestamps bool
	opened     bool
	stream     *stream
	err        error
	ended      bool
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

// noLog says why there are no lines: a container that has not started has no log at all.
func (v *View) noLog() string {
	if f := v.pod(); f != nil && v.logs.err == nil {
		switch f.State {
		case facts.Pending, facts.Pulling, facts.Creating:
			return "No container of it has started yet (" + f.Word + "): there is no log. r reads again."
		}
	}
	return v.logs.status()
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

	ctx, cancel := context.WithCancel(v.ctx.Lifetime())
	s := &stream{cancel: cancel, lines: make(chan string, logBatch), err: make(chan error, 1)}
	l.stream = s
	sources := v.sources()
	return func() tea.Msg {
		if err := s.open(ctx, sources); err != nil {
			cancel()
			return logMsg{from: s, err: err, ended: true}
		}
		return s.next()
	}
}

// source is one log. Where there are several, each line begins with the source's name.
type source struct {
	name string
	open func(context.Context) (io.ReadCloser, error)
}

// sources are the logs that the view is about.
func (v *View) sources() []source {
	name := v.component
	if v.ref.Kind == "Node" {
		name = v.ref.Name
	}
	if name != "" {
		return []source{{open: func(ctx context.Context) (io.ReadCloser, error) {
			path := v.backend.LogFile(name)
			if path == "" {
				return nil, errors.New("there is no log of " + name + " on this machine")
			}
			return tail(ctx, path)
		}}}
	}
	l, ref := &v.logs, v.ref
	from := func(container string) source {
		q := LogQuery{Container: container, Previous: l.previous, Timestamps: l.timestamps}
		return source{name: container, open: func(ctx context.Context) (io.ReadCloser, error) { return v.backend.Logs(ctx, ref, q) }}
	}
	names := v.containers()
	switch {
	case len(names) == 0:
		return []source{from("")}
	case l.all(names):
		var all []source
		for _, n := range names {
			all = append(all, from(n))
		}
		return all
	}
	l.container %= len(names)
	return []source{from(names[l.container])}
}

// all reports whether the logs of all containers are shown together.
func (l *logs) all(names []string) bool { return len(names) > 1 && l.container == len(names) }

// shown names what of the containers is shown.
func (l *logs) shown(names []string) string {
	if l.all(names) {
		return "all containers"
	}
	return "container " + names[l.container%len(names)]
}

// open opens the logs and begins to read them. Of several, those that cannot be read say
// so in a line; it is an error if none can.
func (s *stream) open(ctx context.Context, sources []source) error {
	var readers sync.WaitGroup
	var failure error
	opened := 0
	for _, from := range sources {
		r, err := from.open(ctx)
		if err != nil {
			failure = err
			if len(sources) > 1 {
				r = io.NopCloser(strings.NewReader("-- " + err.Error() + " --\n"))
			} else {
				return err
			}
		} else {
			opened++
		}
		prefix := ""
		if len(sources) > 1 {
			prefix = from.name + ": "
		}
		readers.Go(func() { s.read(ctx, r, prefix) })
	}
	go func() {
		readers.Wait()
		close(s.lines)
	}()
	if opened == 0 {
		return failure
	}
	return nil
}

func (s *stream) read(ctx context.Context, r io.ReadCloser, prefix string) {
	defer func() { _ = r.Close() }()
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			select {
			case s.lines <- prefix + widget.Clean(strings.TrimRight(line, "\r\n")):
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				select {
				case s.err <- err:
				default: // one is enough
				}
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
			if v.editor == nil {
				return v.searchKey(msg)
			}
			return v.editKey(msg)
		}
	}
	switch msg := msg.(type) {
	case editMsg:
		if msg.view == v {
			return v.edited(msg)
		}
	case eventsMsg:
		if msg.view == v {
			v.gotEvents(msg)
		}
	case liveMsg:
		return v.gotLive(msg)
	case textMsg:
		if msg.view == v {
			return v.gotText(msg)
		}
	case objectMsg:
		if msg.view == v {
			return v.gotObject(msg)
		}
	case driftMsg:
		if msg.view == v {
			return v.gotDrift(msg)
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
	stamps := "times"
	if l.timestamps {
		stamps = "no times"
	}
	set = append(set, keys.Binding{Keys: []string{"s"}, Action: "timestamps", Desc: stamps, Long: "begin each line with its time, or not", Bar: true, Run: func() tea.Cmd {
		l.timestamps = !l.timestamps
		return v.openLogs()
	}})
	return append(set, keys.Binding{
		Keys: []string{"C"}, Action: "next-container", Desc: l.shown(names), Long: "the pod's next container, in the end all together", Bar: len(names) > 1,
		Disabled: func() string {
			if len(names) == 1 {
				return "the pod has one container only"
			}
			return ""
		},
		Run: func() tea.Cmd { l.container = (l.container + 1) % (len(names) + 1); return v.openLogs() },
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
