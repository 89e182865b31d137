package nodeinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"kubarium/cluster/logfile"
)

// Back-off of a process that ends again and again.
const (
	firstDelay = 500 * time.Millisecond
	lastDelay  = 10 * time.Second
	// steadyTime is how long a process has to run to be forgiven its earlier ends.
	steadyTime = 30 * time.Second
)

// supervisor keeps the node's processes running, and reaps every orphan. All of it
// happens on one goroutine.
type supervisor struct {
	processes []*process
	events    *json.Encoder
	restarts  chan *process
}

// process is a Process and what became of it.
type process struct {
	Process
	wanted []string

	// Of the running process; pid is 0 while there is none.
	pid     int
	input   *os.File
	running []string
	since   time.Time

	delay time.Duration
	// renew is set when the process was ended to run other roles.
	renew bool
}

func newSupervisor(processes []Process, events *json.Encoder) *supervisor {
	s := &supervisor{events: events, restarts: make(chan *process)}
	for _, p := range processes {
		s.processes = append(s.processes, &process{Process: p, delay: firstDelay})
	}
	return s
}

// run serves commands and signals until the node is to halt, then halts it.
func (s *supervisor) run(commands <-chan Command) {
	signals := notifySignals()
	for {
		select {
		case command, open := <-commands:
			if !open {
				halt()
				return
			}
			s.obey(command)
		case received := <-signals:
			if received != syscall.SIGCHLD {
				halt()
				return
			}
			s.reap()
		case p := <-s.restarts:
			s.ensure(p)
		}
	}
}

func (s *supervisor) obey(command Command) {
	i := slices.IndexFunc(s.processes, func(p *process) bool { return slices.Contains(p.Roles, command.Role) })
	if i < 0 {
		s.tell(Event{Kind: Failed, Role: command.Role, Message: "no such role"})
		return
	}
	p := s.processes[i]
	p.wanted = slices.DeleteFunc(p.wanted, func(role string) bool { return role == command.Role })
	switch command.Op {
	case Start:
		p.wanted = append(p.wanted, command.Role)
		p.delay = firstDelay
		s.ensure(p)
	case Stop:
		if p.pid != 0 && slices.Contains(p.running, command.Role) {
			p.renew = true
			_ = syscall.Kill(p.pid, syscall.SIGTERM)
		}
	}
}

// ensure makes the process run, with all the roles that are wanted.
func (s *supervisor) ensure(p *process) {
	if len(p.wanted) == 0 || p.renew {
		return
	}
	if p.pid == 0 {
		if err := p.start(); err != nil {
			for _, role := range p.wanted {
				s.tell(Event{Kind: Exited, Role: role, Message: err.Error()})
			}
			s.restartLater(p)
			return
		}
	}
	for _, role := range p.wanted {
		if slices.Contains(p.running, role) {
			continue
		}
		// Should the process end before it reads this, its next life gets it.
		_, _ = fmt.Fprintln(p.input, role)
		p.running = append(p.running, role)
		s.tell(Event{Kind: Running, Role: role, PID: p.pid})
	}
}

// start runs the process. It does not use os/exec, whose Wait would compete with reap.
func (p *process) start() error {
	logfile.Rotate(p.Log)
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer read.Close()
	pid, err := syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{
		Dir: "/", Env: p.Env,
		Files: []uintptr{read.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		write.Close()
		return fmt.Errorf("run %s: %w", p.Path, err)
	}
	p.pid, p.input, p.since = pid, write, time.Now()
	return nil
}

// reap collects all children that ended, the node's processes and their orphans.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for _, p := range s.processes {
			if p.pid == pid {
				s.ended(p, status)
			}
		}
	}
}

func (s *supervisor) ended(p *process, status syscall.WaitStatus) {
	for _, role := range p.running {
		s.tell(Event{Kind: Exited, Role: role, PID: p.pid, Message: describe(status)})
	}
	p.input.Close()
	if time.Since(p.since) > steadyTime {
		p.delay = firstDelay
	}
	asked := p.renew
	p.pid, p.input, p.running, p.renew = 0, nil, nil, false
	if asked {
		s.ensure(p)
	} else {
		s.restartLater(p)
	}
}

func (s *supervisor) restartLater(p *process) {
	delay := p.delay
	p.delay = min(2*p.delay, lastDelay)
	time.AfterFunc(delay, func() { s.restarts <- p })
}

// halt asks every process of the machine to end, and waits for some time. The kernel
// does the rest: with its first process the whole PID namespace goes.
func halt() {
	_ = syscall.Kill(-1, syscall.SIGTERM)
	deadline := time.Now().Add(haltGrace)
	for time.Now().Before(deadline) {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.ECHILD) {
			return
		}
		if pid <= 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func (s *supervisor) tell(event Event) {
	// A parent that is gone needs no news.
	_ = s.events.Encode(event)
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
