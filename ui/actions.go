package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/detail"
	"kubarium/ui/layout"
	"kubarium/ui/pane"
	"kubarium/ui/panel"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// actionTime is how long something that the user asked for may take.
const actionTime = 2 * time.Minute

func (a *App) open(msg pane.OpenMsg) tea.Cmd {
	a.leaveDetail()
	view, cmd := detail.Open(a.ctx, a.backend, msg.Ref, msg.Tab)
	a.pushScreen(view)
	if msg.Edit {
		return tea.Batch(cmd, view.EditOnly())
	}
	return cmd
}

func (a *App) openLog(msg pane.OpenLogMsg) tea.Cmd {
	a.leaveDetail()
	view, cmd := detail.OpenLog(a.ctx, a.backend, msg.Component)
	a.pushScreen(view)
	return cmd
}

// leaveDetail makes room for another object: they do not lie on each other.
func (a *App) leaveDetail() {
	if _, ok := a.top().(*detail.View); ok {
		a.popScreen()
	}
}

// prompt opens the command line, with a command in it if there is one.
func (a *App) prompt(text string) tea.Cmd {
	a.filters.open = false
	cmd := tea.Batch(a.discover(), a.line.Focus(strings.TrimPrefix(strings.TrimSpace(text), "kubectl ")))
	a.relayout()
	return cmd
}

// suggest puts a command where the user runs it: into the terminal if it is shown.
func (a *App) suggest(text string) tea.Cmd {
	if a.room == layout.NoTerminal || !a.terminal.Running() {
		return a.prompt(text)
	}
	a.setFocus(layout.Terminal)
	a.terminal.Type("kubectl " + strings.TrimPrefix(strings.TrimSpace(text), "kubectl "))
	return nil
}

// exec gives the terminal to kubectl until it ends.
func (a *App) exec(args []string, line string) tea.Cmd {
	if a.opts.Kubectl == nil {
		a.say(theme.Warn, "there is no kubectl here")
		return nil
	}
	if line == "" {
		line = "kubectl " + strings.Join(args, " ")
	}
	cmd := a.opts.Kubectl(context.Background(), args...)
	// What it complains about would be gone with the terminal: keep it.
	fault := &limited{}
	cmd.Stderr, cmd.WaitDelay = io.MultiWriter(os.Stderr, fault), time.Second
	return tea.ExecProcess(cmd, func(err error) tea.Msg {
		msg := execDoneMsg{line: line, err: err, fault: fault.String()}
		if errors.Is(err, exec.ErrWaitDelay) {
			err, msg.err = nil, nil // it left something running in the background
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			msg.code, msg.err = exit.ExitCode(), nil
		} else if err != nil {
			msg.code = -1
		}
		return msg
	})
}

func (a *App) execDone(msg execDoneMsg) tea.Cmd {
	a.line.Ran(msg.code)
	switch {
	case msg.err != nil:
		a.push(note("Not run", msg.line+"\n\n"+msg.err.Error()))
	case msg.code != 0 && complaint(msg.fault) != "":
		a.push(note("kubectl says", "$ "+msg.line+"\n\n"+complaint(msg.fault)))
	case msg.code != 0:
		a.say(theme.Muted, fmt.Sprintf("ended with exit code %d", msg.code))
	}
	return a.tell(panel.CommandRanMsg{Line: msg.line, ExitCode: msg.code})
}

// complaint is what kubectl has to say itself, without what it says after every
// shell that ends with an exit code.
func complaint(fault string) string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(fault), "\n") {
		if !strings.HasPrefix(l, "command terminated with exit code") {
			lines = append(lines, strings.TrimRight(l, "\r"))
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// limited keeps the beginning of what is written to it.
type limited struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *limited) Write(b []byte) (int, error) {
	const most = 4 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := most - l.buf.Len(); room > 0 {
		l.buf.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}

func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// do runs something in a command and reports how it went.
func (a *App) do(doing, done string, f func(context.Context) error) tea.Cmd {
	ctx, d := a.begin(doing)
	return func() tea.Msg {
		if err := f(ctx); err != nil {
			return doneMsg{doing: d, err: fmt.Errorf("%s: %w", doing, err)}
		}
		return doneMsg{doing: d, note: done}
	}
}

// done reports a success for a while, and a failure until it was read.
func (a *App) done(msg doneMsg) {
	a.end(msg.doing)
	if errors.Is(msg.err, context.Canceled) {
		return // who cancelled it knows
	}
	if msg.err != nil {
		a.note = notice{}
		a.keepSaid(msg.err.Error(), theme.Bad)
		a.push(note("That did not work", msg.err.Error()))
		return
	}
	a.say(theme.OK, msg.note)
}

func (a *App) askDelete(ref watch.Ref) {
	where := ""
	if ref.Namespace != "" {
		where = " in namespace " + ref.Namespace
	}
	text := fmt.Sprintf("%s%s is deleted for good.", ref, where)
	if ref.Kind == "Pod" {
		text += "\n\nIf a controller owns it (a ReplicaSet, a DaemonSet), a new pod takes its place. Else nothing brings it back."
	}
	b := a.backend
	a.push(&confirm{title: "Delete " + ref.String() + "?", text: text, yes: "delete", do: func(a *App) tea.Cmd {
		return a.do("deleting "+ref.String(), ref.String()+" deleted", func(ctx context.Context) error { return b.Delete(ctx, ref) })
	}})
}

// askPower stops or starts a component or a node; what takes something away is
// asked first.
func (a *App) askPower(msg pane.PowerMsg) tea.Cmd {
	c := a.opts.Cluster
	type action struct {
		doing, done string
		f           func(context.Context, string) error
	}
	var act action
	switch {
	case msg.Node && msg.Verb == pane.Start:
		act = action{"starting " + msg.Name, msg.Name + " starts", c.StartNode}
	case msg.Node && msg.Verb == pane.Kill:
		act = action{"cutting the power of " + msg.Name, msg.Name + " has no power", c.KillNode}
	case msg.Node:
		act = action{"stopping " + msg.Name, msg.Name + " stopped", c.StopNode}
	case msg.Verb == pane.Start:
		act = action{"starting " + msg.Name, msg.Name + " started", c.StartComponent}
	default:
		act = action{"stopping " + msg.Name, msg.Name + " stopped", c.StopComponent}
	}
	do := func(a *App) tea.Cmd {
		return a.do(act.doing, act.done, func(ctx context.Context) error { return act.f(ctx, msg.Name) })
	}
	if msg.Verb == pane.Start {
		return do(a)
	}
	a.push(&confirm{title: powerTitle(msg), text: powerText(msg), yes: string(msg.Verb), do: do})
	return nil
}

func powerTitle(msg pane.PowerMsg) string {
	if msg.Verb == pane.Kill {
		return "Cut the power of " + msg.Name + "?"
	}
	return "Stop " + msg.Name + "?"
}

func powerText(msg pane.PowerMsg) string {
	switch {
	case msg.Verb == pane.Kill:
		return "All that runs on the node is gone at once, and nobody tells the control plane. Watch how long it takes to notice."
	case msg.Node:
		return "Its kubelet, kube-proxy and containerd end, and all its containers. s starts it again."
	case msg.Name == "kube-apiserver":
		return "Nothing can be seen or changed while it is away; pods go on running. s starts it again."
	case msg.Name == "etcd":
		return "The API server has nothing to answer from while it is away. s starts it again."
	}
	return "Its work is left undone while it is away; all else goes on. s starts it again."
}

func (a *App) askQuit() {
	text := "The cluster stops. What is in it is kept: the next start is a reboot of the same cluster."
	if a.opts.Guest {
		text = "The cluster goes on without you."
	}
	a.push(&confirm{
		title: "Leave kubarium?", yes: "leave", text: text,
		do: func(a *App) tea.Cmd { a.quit = true; return nil },
	})
}

func (a *App) pickNamespace() {
	items := append([]string{""}, a.ctx.Snapshot.Namespaces...)
	at := 0
	for i, n := range items {
		if n == a.ctx.Namespace {
			at = i
		}
	}
	a.push(&picker{title: "Namespace", items: items, at: at, name: func(s string) string {
		if s == "" {
			return "all namespaces"
		}
		return s
	}, do: func(a *App, item string) tea.Cmd {
		a.ctx.Namespace = item
		return a.sync()
	}})
}
