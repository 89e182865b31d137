package command

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"kubarium/ui/widget"
)

// Kubectl makes a kubectl process, not started yet.
type Kubectl func(ctx context.Context, args ...string) *exec.Cmd

// OutputMsg brings lines that a command has printed.
type OutputMsg struct {
	Lines []string
	from  *process
}

// DoneMsg says that a command has ended.
type DoneMsg struct {
	// Line is the command, with kubectl in front.
	Line string
	// Code is the exit code; -1 if it did not start or was killed.
	Code int
	// Output is the beginning of what it printed.
	Output string
	Err    error
	from   *process
}

const (
	// keepOutput is how much of a command's output a DoneMsg repeats.
	keepOutput = 64 << 10
	// batch and batchTime bound how many lines a message brings and how long it waits for them.
	batch     = 500
	batchTime = 30 * time.Millisecond
	// killAfter is how long an interrupted command may take to end.
	killAfter = 3 * time.Second
)

// process is one run of kubectl. What it prints is read only as fast as the app
// takes it.
type process struct {
	line    string
	kubectl Kubectl
	args    []string
	// life is the app's, ctx and cancel are the process's.
	life, ctx context.Context
	cancel    context.CancelFunc
	lines     chan string
	ended     chan DoneMsg
	output    strings.Builder
	// stopped says that the user has ended it.
	stopped bool
}

func newProcess(life context.Context, kubectl Kubectl, args []string, line string) *process {
	p := &process{line: line, kubectl: kubectl, args: args, life: life, lines: make(chan string, batch), ended: make(chan DoneMsg, 1)}
	p.ctx, p.cancel = context.WithCancel(life)
	return p
}

// run starts the process; it is a tea.Cmd.
func (p *process) run() tea.Msg {
	r, w := io.Pipe()
	cmd := p.kubectl(p.ctx, p.args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killAfter
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		p.cancel()
		return DoneMsg{Line: p.line, Code: -1, Err: err, from: p}
	}
	go func() {
		err := cmd.Wait()
		_ = w.CloseWithError(io.EOF)
		p.cancel()
		done := DoneMsg{Line: p.line, from: p}
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit):
			done.Code = exit.ExitCode()
		case err != nil:
			done.Code, done.Err = -1, err
		}
		p.ended <- done
	}()
	go p.read(r)
	return p.next()
}

func (p *process) read(r io.Reader) {
	defer close(p.lines)
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			select {
			case p.lines <- widget.Clean(strings.TrimRight(line, "\r\n")):
			case <-p.life.Done():
				// Nobody takes it any more. What is still written has an end, too.
				_, _ = io.Copy(io.Discard, r)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// next waits for more; it is a tea.Cmd, to be called again after each OutputMsg.
func (p *process) next() tea.Msg {
	first, ok := <-p.lines
	if !ok {
		done := <-p.ended
		done.Output = p.output.String()
		return done
	}
	lines := []string{first}
	timeout := time.NewTimer(batchTime)
	defer timeout.Stop()
	for len(lines) < batch {
		select {
		case l, ok := <-p.lines:
			if !ok {
				return p.message(lines)
			}
			lines = append(lines, l)
			continue
		case <-timeout.C:
		}
		break
	}
	return p.message(lines)
}

func (p *process) message(lines []string) tea.Msg {
	for _, l := range lines {
		if p.output.Len() < keepOutput {
			p.output.WriteString(l + "\n")
		}
	}
	return OutputMsg{Lines: lines, from: p}
}
