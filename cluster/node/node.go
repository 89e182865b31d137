package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
)

// bootLimit is how long a machine may take to be made; it takes some 50 ms.
const bootLimit = 30 * time.Second

// stopLimit is how long a machine may take to halt before it is killed.
const stopLimit = 10 * time.Second

// Node is a running machine.
type Node struct {
	spec Spec
	pid  int
	done chan struct{}
	up   chan error

	mu       sync.Mutex
	commands *os.File
	events   func(nodeinit.Event)
}

// Start makes the machine and starts containerd in it. attach is called when its
// network namespace exists, and is to give it an interface.
func Start(ctx context.Context, spec Spec, attach func(pid int) error) (*Node, error) {
	if err := prepare(spec); err != nil {
		return nil, err
	}
	n := &Node{spec: spec, done: make(chan struct{}), up: make(chan error, 1)}
	started := make(chan error, 1)
	go n.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start machine of %s: %w", spec.Name, err)
	}
	if err := n.bringUp(ctx, attach); err != nil {
		return nil, errors.Join(err, n.Kill())
	}
	return n, nil
}

func (n *Node) bringUp(ctx context.Context, attach func(pid int) error) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if err := attach(n.pid); err != nil {
		return fmt.Errorf("connect %s to the network: %w", n.spec.Name, err)
	}
	select {
	case err := <-n.up:
		if err != nil {
			return fmt.Errorf("boot %s: %w", n.spec.Name, err)
		}
	case <-n.done:
		return fmt.Errorf("boot %s: it ended at once; see %s", n.spec.Name, n.initLog())
	case <-ctx.Done():
		return fmt.Errorf("boot %s: %w", n.spec.Name, ctx.Err())
	}
	return n.send(nodeinit.Command{Op: nodeinit.Start, Process: RoleContainerd})
}

// StartKubelet starts the kubelet and kube-proxy, which wait for the API server.
func (n *Node) StartKubelet(context.Context) error {
	return n.send(nodeinit.Command{Op: nodeinit.Start, Process: RoleKubelet})
}

// PID is the machine's first process, as the host sees it.
func (n *Node) PID() int { return n.pid }

// Done is closed when nothing of the machine is left.
func (n *Node) Done() <-chan struct{} { return n.done }

// Stop halts the machine: its processes are asked to end, then made to.
func (n *Node) Stop(ctx context.Context) error {
	if err := n.send(nodeinit.Command{Op: nodeinit.Halt}); err != nil {
		return n.Kill()
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-n.done:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return n.Kill()
}

// Kill is a power cut: the kernel ends all processes of the machine with its first.
func (n *Node) Kill() error {
	err := syscall.Kill(n.pid, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", n.spec.Name, err)
	}
	<-n.done
	return nil
}

func (n *Node) send(command nodeinit.Command) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := n.commands.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("command %s: %w", n.spec.Name, err)
	}
	return nil
}

// live forks the machine's first process and waits for its end. Both happen on one
// thread that does nothing else: the kernel kills the machine when the thread that
// forked it ends, and this one ends only with the program.
func (n *Node) live(started chan<- error) {
	runtime.LockOSThread()
	defer close(n.done)
	cmd, commands, events, err := n.command()
	if err == nil {
		err = cmd.Start()
		closeAll(cmd.ExtraFiles...)
	}
	if err != nil {
		started <- err
		return
	}
	n.pid, n.commands = cmd.Process.Pid, commands
	started <- nil
	n.listen(events)
	// How it ended has been told by what it wrote to its log.
	_ = cmd.Wait()
	n.mu.Lock()
	closeAll(commands, events)
	n.mu.Unlock()
	_ = RemoveCgroup(n.spec.CgroupParent)
	_ = os.Remove(n.spec.rootDir())
}

func (n *Node) command() (cmd *exec.Cmd, commands, events *os.File, err error) {
	commandsRead, commands, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	events, eventsWrite, err := os.Pipe()
	if err != nil {
		closeAll(commandsRead, commands)
		return nil, nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	log, err := os.OpenFile(n.initLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		closeAll(commandsRead, commands, events, eventsWrite)
		return nil, nil, nil, fmt.Errorf("open log: %w", err)
	}
	cmd = exec.Command(filepath.Join(n.spec.BinDir, "kubarium-node-init"), n.spec.configPath())
	cmd.Env = []string{"PATH=" + nodePath}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{commandsRead, eventsWrite, log}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		// A terminal's Ctrl-C is for the program, which halts its machines in order.
		Setsid: true,
	}
	return cmd, commands, events, nil
}

// listen reads the machine's events until it ends.
func (n *Node) listen(events *os.File) {
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		var event nodeinit.Event
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		switch {
		case event.Kind == nodeinit.Up:
			n.up <- nil
		case event.Kind == nodeinit.Failed && event.Process == "":
			n.up <- errors.New(event.Message)
		}
	}
}

func (n *Node) initLog() string { return filepath.Join(n.spec.LogDir, "init.log") }

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
