package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
	spec    Spec
	process *os.Process
	done    chan struct{}
	up      chan error

	mu       sync.Mutex
	commands *os.File
	// pids of the roles that run, and a channel that closes when they change.
	pids    map[string]int
	changed chan struct{}
}

// Start makes the machine and starts containerd in it. attach is called when its
// network namespace exists, and is to give it an interface. The context bounds the
// call only.
func Start(ctx context.Context, spec Spec, attach func(pid int) error) (*Node, error) {
	config, err := prepare(spec)
	if err != nil {
		return nil, err
	}
	n, err := boot(ctx, spec, config, attach)
	if err != nil {
		return nil, err
	}
	if err := n.send(nodeinit.Command{Op: nodeinit.Start, Role: RoleContainerd}); err != nil {
		return nil, errors.Join(err, n.Kill())
	}
	return n, nil
}

// boot starts the machine's first process, and waits until it has made the machine.
func boot(ctx context.Context, spec Spec, config nodeinit.Config, attach func(pid int) error) (*Node, error) {
	if spec.DiskBytes > 0 {
		disk, err := attachDisk(ctx, spec)
		if err != nil {
			return nil, fmt.Errorf("disk of %s: %w", spec.Name, err)
		}
		// From its mount on that keeps the device, and the device ends with it.
		defer disk.Close()
		config.Device = disk.Name()
	}
	n := &Node{
		spec: spec, done: make(chan struct{}), up: make(chan error, 1),
		pids: map[string]int{}, changed: make(chan struct{}),
	}
	if err := nodeinit.MakeCgroup(config.Cgroup); err != nil {
		return nil, errors.Join(fmt.Errorf("make cgroup of %s: %w", spec.Name, err), RemoveCgroup(config.Cgroup))
	}
	if err := n.limitTasks(); err != nil {
		return nil, errors.Join(fmt.Errorf("make cgroup of %s: %w", spec.Name, err), RemoveCgroup(config.Cgroup))
	}
	started := make(chan error, 1)
	go n.live(config, started)
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
	if err := attach(n.PID()); err != nil {
		return n.whyNotAttached(ctx, err)
	}
	select {
	case err := <-n.up:
		if err != nil {
			return fmt.Errorf("boot %s: %w", n.spec.Name, err)
		}
		return nil
	case <-n.done:
		return fmt.Errorf("boot %s: it ended at once; see %s", n.spec.Name, n.spec.initLog())
	case <-ctx.Done():
		return fmt.Errorf("boot %s: %w", n.spec.Name, ctx.Err())
	}
}

// whyNotAttached tells why a machine has no network: mostly that it ended meanwhile, for
// a reason that it told.
func (n *Node) whyNotAttached(ctx context.Context, err error) error {
	if n.process.Signal(syscall.Signal(0)) == nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("connect %s to the network: %w", n.spec.Name, err)
	}
	select {
	case <-n.done:
	case <-ctx.Done():
	}
	select {
	case told := <-n.up:
		if told != nil {
			err = told
		}
	default:
	}
	return fmt.Errorf("boot %s: its first process ended: %w; see %s", n.spec.Name, err, n.spec.initLog())
}

// StartKubelet starts the kubelet, kube-proxy and what enforces NetworkPolicies, which
// need the API server. It returns before they are ready.
func (n *Node) StartKubelet(context.Context) error {
	roles := []string{RoleKubelet, RoleKubeProxy}
	if n.spec.Identities.Policy.Cert != nil {
		roles = append(roles, RoleNetworkPolicy)
	}
	var errs []error
	for _, role := range roles {
		errs = append(errs, n.send(nodeinit.Command{Op: nodeinit.Start, Role: role}))
	}
	return errors.Join(errs...)
}

// StartRole starts a daemon of the node, one of the Role constants, if it does not run.
func (n *Node) StartRole(ctx context.Context, role string) error {
	if err := n.send(nodeinit.Command{Op: nodeinit.Start, Role: role}); err != nil {
		return err
	}
	return n.await(ctx, func(pids map[string]int) bool { return pids[role] != 0 })
}

// StopRole stops a daemon of the node, and leaves it stopped. Containers go on. The
// daemons that share its process are started again at once.
func (n *Node) StopRole(ctx context.Context, role string) error {
	before := n.Roles()[role]
	if err := n.send(nodeinit.Command{Op: nodeinit.Stop, Role: role}); err != nil || before == 0 {
		return err
	}
	return n.await(ctx, func(pids map[string]int) bool { return pids[role] != before })
}

// CrashRole kills the process of a daemon. The node starts it again, with the daemons
// that share the process.
func (n *Node) CrashRole(role string) error {
	pid := n.Roles()[role]
	if pid == 0 {
		return fmt.Errorf("%s does not run on %s", role, n.spec.Name)
	}
	// A directory of the node's /proc stands for the process, whatever its number here.
	root, err := n.OpenRoot("/proc")
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", role, n.spec.Name, err)
	}
	defer root.Close()
	process, err := root.Open(strconv.Itoa(pid))
	if err != nil {
		return fmt.Errorf("find %s of %s: %w", role, n.spec.Name, err)
	}
	defer process.Close()
	if err := unix.PidfdSendSignal(int(process.Fd()), unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("kill %s of %s: %w", role, n.spec.Name, err)
	}
	return nil
}

// OwnDisk reports whether the node has a disk of its own, and not a directory of the host's.
func (n *Node) OwnDisk() bool { return n.spec.DiskBytes > 0 }

// Renew gives the node's daemons new certificates, which they notice by themselves.
func (n *Node) Renew(identities Identities) error {
	var errs []error
	for path, certificate := range identities.files() {
		errs = append(errs, n.ReplaceFile(path, certificate))
	}
	return errors.Join(errs...)
}

// Cgroup returns where the host has the node's cgroup of a controller ("memory").
func (n *Node) Cgroup(controller string) (string, error) {
	hierarchies, err := nodeinit.Hierarchies()
	if err != nil {
		return "", err
	}
	for _, h := range hierarchies {
		if h.Name == "" || slices.Contains(strings.Split(h.Name, ","), controller) {
			return filepath.Join(h.Mount, n.spec.CgroupParent), nil
		}
	}
	return "", fmt.Errorf("this machine has no cgroups for %s", controller)
}

// Roles returns the process number of each daemon that runs, as the node sees it.
func (n *Node) Roles() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	roles := make(map[string]int, len(n.pids))
	for role, pid := range n.pids {
		roles[role] = pid
	}
	return roles
}

// AwaitRole waits until a daemon of the node runs.
func (n *Node) AwaitRole(ctx context.Context, role string) error {
	return n.await(ctx, func(pids map[string]int) bool { return pids[role] != 0 })
}

// await waits until the daemons are as asked.
func (n *Node) await(ctx context.Context, satisfied func(pids map[string]int) bool) error {
	for {
		n.mu.Lock()
		fine, changed := satisfied(n.pids), n.changed
		n.mu.Unlock()
		if fine {
			return nil
		}
		select {
		case <-changed:
		case <-n.done:
			return fmt.Errorf("wait for %s: the machine went off", n.spec.Name)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", n.spec.Name, ctx.Err())
		}
	}
}

// PID is the machine's first process, as the host sees it.
func (n *Node) PID() int { return n.process.Pid }

// Done is closed when nothing of the machine is left.
func (n *Node) Done() <-chan struct{} { return n.done }

// Stop halts the machine: its processes are asked to end, then made to.
func (n *Node) Stop(ctx context.Context) error {
	// A machine that stands still does not halt.
	if err := n.Thaw(); err != nil {
		return errors.Join(err, n.Kill())
	}
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
	// With cgroup v1, what stands still does not die. Where there is no freezer, nothing does.
	_ = n.Thaw()
	if err := n.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
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
// forked it ends, and this one ends only with the machine or the program.
func (n *Node) live(config nodeinit.Config, started chan<- error) {
	runtime.LockOSThread()
	defer close(n.done)
	p, err := spawn(n.spec, config)
	if err != nil {
		started <- errors.Join(err, RemoveCgroup(config.Cgroup))
		return
	}
	n.process, n.commands = p.cmd.Process, p.commands
	started <- nil
	n.listen(p.events)
	// How it ended has been told by what it wrote to its log.
	_ = p.cmd.Wait()
	n.mu.Lock()
	closeAll(p.commands, p.events)
	n.mu.Unlock()
	// What can't be removed now is swept at the next start.
	_ = RemoveCgroup(n.spec.CgroupParent)
	_ = os.Remove(n.spec.rootDir())
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
		case event.Kind == nodeinit.Failed && event.Role == "":
			n.up <- errors.New(event.Message)
		case event.Kind == nodeinit.Running:
			n.note(event.Role, event.PID)
		case event.Kind == nodeinit.Exited:
			n.note(event.Role, 0)
		}
		if n.spec.OnEvent != nil {
			n.spec.OnEvent(event)
		}
	}
}

func (n *Node) note(role string, pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if pid == 0 {
		delete(n.pids, role)
	} else {
		n.pids[role] = pid
	}
	close(n.changed)
	n.changed = make(chan struct{})
}
