// Package plain is the app as lines of text: for screen readers, for terminals that can
// do nothing, and for logs. What changes is printed as it happens; commands are typed at
// a prompt. It moves no cursor, clears nothing and draws no boxes.
package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/ui"
	"kubarium/ui/facts"
	"kubarium/ui/watch"
	"kubarium/ui/widget"
)

// mostHeld is how many lines are kept while a command has the terminal.
const mostHeld = 500

// prompt is where commands are typed.
const prompt = "> "

// session is one run.
type session struct {
	o   ui.Options
	in  io.Reader
	out io.Writer

	// ask has the reader read one line: what a command that runs reads, is its own.
	ask   chan struct{}
	lines chan string
	news  chan tea.Msg
	done  chan struct{}

	snapshot   *watch.Snapshot
	components map[string]component.Info
	running    bool
	held       []string
	lost       int
}

// Run prints what changes and runs what is typed until the user quits or ctx ends.
func Run(ctx context.Context, o ui.Options, in io.Reader, out io.Writer) error {
	if o.Cluster == nil {
		return errors.New("no cluster to show")
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &session{
		o: o, in: in, out: out, ask: make(chan struct{}, 1), lines: make(chan string), news: make(chan tea.Msg), done: make(chan struct{}),
		components: map[string]component.Info{},
	}
	var feeds sync.WaitGroup
	feeds.Go(func() { s.feedComponents(ctx) })
	feeds.Go(func() { s.feedObjects(ctx) })
	defer feeds.Wait()
	defer cancel()
	// A read of a terminal cannot be ended; the process' end does it.
	go s.read(ctx)
	s.say("This is " + o.Cluster.Name() + ". What changes is printed as it happens. Type a command, or help.")
	s.next()
	return s.loop(ctx)
}

func (s *session) loop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-s.lines:
			if !ok || s.typed(ctx, line) {
				return nil
			}
		case msg := <-s.news:
			s.tell(msg)
		case <-s.done:
			s.running = false
			s.release()
			s.next()
		}
	}
}

// read reads a line each time it is asked to.
func (s *session) read(ctx context.Context) {
	defer close(s.lines)
	reader := bufio.NewReader(s.in)
	for {
		select {
		case <-s.ask:
		case <-ctx.Done():
			return
		}
		line, err := reader.ReadString('\n')
		if err != nil && line == "" {
			return
		}
		select {
		case s.lines <- strings.TrimSpace(line):
		case <-ctx.Done():
			return
		}
	}
}

// next asks for the next command.
func (s *session) next() {
	fmt.Fprint(s.out, prompt)
	s.ask <- struct{}{}
}

// say prints a line, or keeps it while a command has the terminal.
func (s *session) say(line string) {
	line = widget.Clean(line)
	switch {
	case !s.running:
		fmt.Fprintln(s.out, line)
	case len(s.held) < mostHeld:
		s.held = append(s.held, line)
	default:
		s.lost++
	}
}

// release prints what was kept.
func (s *session) release() {
	for _, l := range s.held {
		fmt.Fprintln(s.out, l)
	}
	if s.lost > 0 {
		fmt.Fprintf(s.out, "and %s that had no room\n", widget.Plural(s.lost, "change", "changes"))
	}
	s.held, s.lost = nil, 0
}

// tell prints what came from the cluster.
func (s *session) tell(msg tea.Msg) {
	switch msg := msg.(type) {
	case watch.SnapshotMsg:
		lines := Summary(msg.Snapshot)
		if s.snapshot != nil {
			lines = Changes(s.snapshot, msg.Snapshot)
		}
		s.snapshot = msg.Snapshot
		for _, l := range lines {
			s.say(l)
		}
	case watch.DownMsg:
		s.say("the API server does not answer: " + fmt.Sprint(msg.Err))
	case watch.UpMsg:
		s.say("the API server answers")
	case component.Info:
		s.component(msg)
	case error:
		s.say("error: " + msg.Error())
	}
}

func (s *session) component(i component.Info) {
	was, known := s.components[i.Name]
	s.components[i.Name] = i
	if !known && i.State == component.Stopped || known && was.State == i.State && was.Message == i.Message {
		return
	}
	line := fmt.Sprintf("%s: %s", i.Name, strings.ToLower(string(i.State)))
	switch {
	case i.State == "":
		line = i.Name + " is gone"
	case i.State == component.Ready && i.Took > 0 && was.State == component.Starting:
		line += " after " + facts.Took(i.Took)
	case i.Message != "":
		line += ": " + i.Message
	}
	s.say(line)
}

func (s *session) feedComponents(ctx context.Context) {
	changes := s.o.Cluster.Watch(ctx)
	for {
		select {
		case i, ok := <-changes:
			if !ok {
				return
			}
			s.send(ctx, i)
		case <-ctx.Done():
			return
		}
	}
}

// feedObjects follows the cluster's objects as soon as its API server answers.
func (s *session) feedObjects(ctx context.Context) {
	config, err := s.o.Cluster.RESTConfig(ctx)
	if err != nil {
		s.send(ctx, err)
		return
	}
	health := watch.NewHealth()
	newClient := s.o.NewClient
	if newClient == nil {
		newClient = func(c *rest.Config) (kubernetes.Interface, error) { return kubernetes.NewForConfig(c) }
	}
	client, err := newClient(health.Config(config))
	if err != nil {
		s.send(ctx, fmt.Errorf("client of the API server: %w", err))
		return
	}
	store := watch.Store{Client: client, Health: health, Ask: watch.Ask(client)}
	store.Run(ctx, func(msg tea.Msg) { s.send(ctx, msg) })
}

func (s *session) send(ctx context.Context, msg tea.Msg) {
	select {
	case s.news <- msg:
	case <-ctx.Done():
	}
}
