package plain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"kubarium/ui/command"
)

// helpText is what help prints, with what becomes of the cluster.
const helpText = `Type a kubectl command; the word kubectl in front may be left out: get pods, describe pod web-1.
Also: node, component, fault, freeze, thaw, as in the command kubarium.
status: how the cluster fares. events: the last events. help: this. quit: leave, and %s.
While a command runs, changes wait. ctrl+c ends a command, or else leaves.`

// mostEvents is how many events are listed.
const mostEvents = 15

// typed does what a line asks for, and reports whether the user leaves.
func (s *session) typed(ctx context.Context, line string) (leave bool) {
	switch line {
	case "quit", "exit", "q":
		return true
	case "":
	case "help", "?":
		after := "stop the cluster"
		if s.o.Guest {
			after = "the cluster goes on"
		}
		fmt.Fprintf(s.out, helpText+"\n", after)
	case "status":
		s.status()
	case "events":
		s.events()
	default:
		if err := s.start(ctx, line); err == nil {
			return false
		} else {
			s.say("error: " + err.Error())
		}
	}
	s.next()
	return false
}

func (s *session) status() {
	var names []string
	for name := range s.components {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(s.out, "%s: %s\n", name, strings.ToLower(string(s.components[name].State)))
	}
	if s.snapshot == nil {
		return
	}
	for _, l := range Summary(s.snapshot) {
		s.say(l)
	}
	for _, p := range s.snapshot.Pods {
		s.say(podName(p) + ": " + fares(p))
	}
}

func (s *session) events() {
	if s.snapshot == nil || len(s.snapshot.Events) == 0 {
		s.say("nothing has happened yet")
		return
	}
	list := s.snapshot.Events[:min(mostEvents, len(s.snapshot.Events))]
	for i := len(list) - 1; i >= 0; i-- {
		s.say(Event(list[i]))
	}
}

// start runs a command, which has the terminal until it ends.
func (s *session) start(ctx context.Context, line string) error {
	args, err := command.Args(line)
	if err != nil {
		return err
	}
	if s.o.Kubectl == nil {
		return errors.New("there is no kubectl here")
	}
	cmd := s.o.Kubectl(ctx, args...)
	cmd.Stdout, cmd.Stderr = s.out, s.out
	back := s.handOver(cmd)
	s.running = true
	if err := cmd.Start(); err != nil {
		back()
		s.running = false
		return fmt.Errorf("run %s: %w", args[0], err)
	}
	go func() {
		err := cmd.Wait()
		back()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			fmt.Fprintf(s.out, "ended with exit code %d\n", exit.ExitCode())
		} else if err != nil {
			fmt.Fprintln(s.out, "error:", err)
		}
		select {
		case s.done <- struct{}{}:
		case <-ctx.Done():
		}
	}()
	return nil
}

// handOver gives the command the terminal, so that ctrl+c is for it alone, and returns
// what takes the terminal back.
func (s *session) handOver(cmd *exec.Cmd) (back func()) {
	tty, ok := s.in.(*os.File)
	if !ok {
		return func() {}
	}
	cmd.Stdin = tty
	mine, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	if err != nil {
		return func() {}
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, true, int(tty.Fd())
	return func() {
		// Who is in the background and takes the terminal is stopped by this signal.
		signal.Ignore(syscall.SIGTTOU)
		defer signal.Reset(syscall.SIGTTOU)
		// Where it fails the terminal is gone, and reading from it tells that.
		_ = unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCSPGRP, mine)
	}
}
