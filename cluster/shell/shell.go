// Package shell runs a program of the user's inside a cluster's network: as on a
// machine that hangs on the same switch as the nodes, where the addresses of pods,
// nodes, services and load balancers answer, and the cluster's names resolve.
//
// The program has a network namespace of its own, and a mount namespace in which only
// /etc/resolv.conf differs. Everything else (files, processes, the user's rights) is the
// machine's. Nothing of it outlives the program.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"kubarium/cluster"
	"kubarium/cluster/control"
	"kubarium/cluster/network/relay"
)

// Options say what to run.
type Options struct {
	Client *control.Client
	// User is who runs it.
	User cluster.Invoker
	// Args are the program and its arguments; none is the user's own shell.
	Args []string
	// Note is said before, if there is one.
	Note string
	// Dir takes the files that shells read at their start; it may be passed through by the
	// user, who cannot write there.
	Dir string
	// Kubeconfig is the cluster's, readable by the user.
	Kubeconfig string
	// Program is this program's own file, which is kubectl as well.
	Program string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the program until it ends, and returns its error as os/exec does.
func Run(ctx context.Context, o Options) error {
	// The namespaces are a thread's: it is never given back, and ends with the goroutine.
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- o.run(ctx)
	}()
	return <-done
}

func (o Options) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	host, detach, err := o.enter(ctx)
	if err != nil {
		return err
	}
	defer detach()
	if o.Note != "" {
		fmt.Fprintln(o.Stderr, o.Note)
	}
	// The API server's address on loopback is what kubeconfigs say; this loopback is
	// another, so that the port is brought here.
	listener, err := net.Listen("tcp4", host.Server)
	if err != nil {
		return fmt.Errorf("listen for the API server: %w", err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		relay.Serve(ctx, listener, func(ctx context.Context, client net.Conn) { forward(ctx, client, host.Server) })
	}()
	defer func() { cancel(); <-served }()
	if err := resolve(host); err != nil {
		fmt.Fprintln(o.Stderr, "Names of the cluster do not resolve here:", err)
	}
	cmd, err := o.command(ctx)
	if err != nil {
		return err
	}
	return cmd.Run()
}

// Local makes a shell of the user's in the network that the caller is in, not started
// yet: for clusters that are elsewhere.
func (o Options) Local(ctx context.Context) (*exec.Cmd, error) {
	cmd, err := o.command(ctx)
	if err == nil {
		// It would follow the thread that starts it, which is anyone's here.
		cmd.SysProcAttr.Pdeathsig = 0
	}
	return cmd, err
}

// enter gives this thread namespaces of its own, and plugs it in.
func (o Options) enter(ctx context.Context) (control.Host, func(), error) {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return control.Host{}, nil, fmt.Errorf("make namespaces: %w", err)
	}
	// What is mounted elsewhere goes on to appear; what is mounted here stays here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return control.Host{}, nil, fmt.Errorf("keep mounts to itself: %w", err)
	}
	namespace := fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
	host, detach, err := o.Client.AttachHost(ctx, namespace)
	if err != nil {
		return control.Host{}, nil, err
	}
	return host, detach, nil
}

// forward runs on other threads, which are in the machine's network.
func forward(ctx context.Context, client net.Conn, server string) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", server)
	if err != nil {
		relay.Abort(client)
		return
	}
	relay.Stream(ctx, client, conn)
}

// resolve puts the cluster's name servers where this thread looks for them.
func resolve(host control.Host) error {
	const path = "/etc/resolv.conf"
	file, err := os.CreateTemp("", "kubarium-resolv-*.conf")
	if err != nil {
		return fmt.Errorf("make resolv.conf: %w", err)
	}
	// The mount keeps it.
	defer os.Remove(file.Name())
	defer file.Close()
	_, err = io.WriteString(file, resolvConf(host))
	if err := errors.Join(err, file.Chmod(0o644)); err != nil {
		return fmt.Errorf("write resolv.conf: %w", err)
	}
	if err := unix.Mount(file.Name(), path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	return nil
}

// resolvConf tries the cluster's domains first, as in a pod. A name server that is not
// there yet costs a second only.
func resolvConf(host control.Host) string {
	var b strings.Builder
	for _, a := range host.Nameservers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	fmt.Fprintf(&b, "search %s\noptions ndots:2 timeout:1 attempts:2\n", strings.Join(host.Search, " "))
	return b.String()
}

// command makes the process, which runs as the user.
func (o Options) command(ctx context.Context) (*exec.Cmd, error) {
	args, env, err := o.prepare()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGHUP) }
	cmd.WaitDelay = endTime
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGHUP}
	if o.User.UID != os.Getuid() {
		groups, err := o.User.Groups()
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.User.UID), Gid: uint32(o.User.GID), Groups: groups}
	}
	return cmd, nil
}
