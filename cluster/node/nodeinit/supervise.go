package nodeinit

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Back-off of a process that ends again and again.
const (
	firstDelay = 500 * time.Millisecond
	lastDelay  = 10 * time.Second
)

// supervisor keeps the node's processes running, and reaps every orphan. All of it
// happens on one goroutine.
type supervisor struct {
	processes map[string]*process
	byPID     map[int]*process
	events    *json.Encoder
	restarts  chan *process
}

type process struct {
	Process
	pid    int
	wanted bool
	delay  time.Duration
}

func newSupervisor(processes []Process, events *json.Encoder) *supervisor {
	s := &supervisor{
		processes: make(map[string]*process),
		byPID:     make(map[int]*process),
		events:    events,
		restarts:  make(chan *process, len(processes)),
	}
	for _, p := range processes {
		s.processes[p.Name] = &process{Process: p, delay: firstDelay}
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
				s.halt()
				return
			}
			s.obey(command)
		case received := <-signals:
			if received != syscall.SIGCHLD {
				s.halt()
				return
			}
			s.reap()
		case p := <-s.restarts:
			if p.wanted && p.pid == 0 {
				s.start(p)
			}
		}
	}
}

func (s *supervisor) obey(command Command) {
	p, known := s.processes[command.Process]
	if !known {
		s.tell(Event{Kind: Failed, Process: command.Process, Message: "no such process"})
		return
	}
	switch command.Op {
	case Start:
		p.wanted, p.delay = true, firstDelay
		if p.pid == 0 {
			s.start(p)
		}
	case Stop:
		p.wanted = false
		if p.pid != 0 {
			_ = syscall.Kill(p.pid, syscall.SIGTERM)
		}
	}
}

// start runs a process. It does not use os/exec, whose Wait would compete with reap.
func (s *supervisor) start(p *process) {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_CLOEXEC, 0o640)
	if err == nil {
		defer log.Close()
		null, openErr := os.Open(os.DevNull)
		if openErr == nil {
			defer null.Close()
			p.pid, err = syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{
				Dir: "/", Env: p.Env,
				Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
				Sys:   &syscall.SysProcAttr{Setsid: true},
			})
		} else {
			err = openErr
		}
	}
	if err != nil {
		p.pid = 0
		s.tell(Event{Kind: Exited, Process: p.Name, Message: err.Error()})
		s.restartLater(p)
		return
	}
	s.byPID[p.pid] = p
	s.tell(Event{Kind: Running, Process: p.Name, PID: p.pid})
}

// reap collects all children that ended, the node's processes and their orphans.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		p, ours := s.byPID[pid]
		if !ours {
			continue
		}
		delete(s.byPID, pid)
		p.pid = 0
		s.tell(Event{Kind: Exited, Process: p.Name, PID: pid, Message: describe(status)})
		if p.wanted {
			s.restartLater(p)
		}
	}
}

func (s *supervisor) restartLater(p *process) {
	delay := p.delay
	p.delay = min(2*p.delay, lastDelay)
	time.AfterFunc(delay, func() { s.restarts <- p })
}

// halt asks every process of the machine to end, then ends what is left. The kernel
// does the rest: with its first process the whole PID namespace goes.
func (s *supervisor) halt() {
	_ = syscall.Kill(-1, syscall.SIGTERM)
	deadline := time.Now().Add(haltGrace)
	for time.Now().Before(deadline) {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.ECHILD {
			break
		}
		if pid <= 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	syscall.Sync()
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
