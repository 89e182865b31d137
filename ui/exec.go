package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/panel"
	"kubarium/ui/theme"
	"kubarium/ui/watch"
)

// podShell opens a shell in a pod: of several containers, in the one that is chosen.
func (a *App) podShell(ref watch.Ref) tea.Cmd {
	in := func(container ...string) tea.Cmd {
		args := []string{"exec", "-it", "-n", ref.Namespace, ref.Name}
		for _, c := range container {
			args = append(args, "-c", c)
		}
		return a.exec(append(args, "--", "sh"), "")
	}
	pod := a.ctx.Snapshot.Pod(ref.Namespace, ref.Name)
	if pod == nil || len(pod.Object.Spec.Containers) < 2 {
		return in()
	}
	d := &finder{title: "A shell in which container of " + ref.Name + "?"}
	for _, c := range pod.Object.Spec.Containers {
		d.items = append(d.items, item{text: c.Name, hint: c.Image, run: func(*App) tea.Cmd { return in(c.Name) }})
	}
	return a.find(d, "")
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
	life, kubectl := a.ctx.Lifetime(), a.opts.Kubectl
	// What it complains about would be gone with the terminal: keep it.
	fault := &limited{}
	ended := func(err error) tea.Msg {
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
	}
	return func() tea.Msg {
		cmd := kubectl(life, args...)
		cmd.Stderr, cmd.WaitDelay = io.MultiWriter(os.Stderr, fault), time.Second
		return tea.ExecProcess(cmd, ended)()
	}
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
