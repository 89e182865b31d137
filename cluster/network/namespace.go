package network

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// ownNamespace is the calling thread's network namespace, which differs from
// the process's when the thread went into another one.
const ownNamespace = "/proc/thread-self/ns/net"

// newNamespace makes a network namespace and returns the descriptor that is
// all that keeps it: it has no name and no mount, and so is gone with the
// process however that ends.
func newNamespace() (*os.File, error) {
	var ns *os.File
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make network namespace: %w", err)
		}
		var err error
		ns, err = os.Open(ownNamespace)
		return err
	})
	if err != nil && ns != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return ns, err
}

// InNamespaceOf runs f on a thread that is in the network namespace of a process.
// Programs that f starts are there too; goroutines are not.
func InNamespaceOf(pid int, f func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return fmt.Errorf("find network namespace: %w", err)
	}
	defer ns.Close()
	return enter(ns, f)
}

// enter runs f on a thread that is in the namespace.
func enter(ns *os.File, f func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// onOwnThread runs f on a thread nothing else runs on meanwhile, and puts the
// thread back into the namespace it came from. A thread that can't be put back
// stays locked to its goroutine, so that it dies with it and serves no other.
func onOwnThread(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open(ownNamespace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer func() {
		back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)
		err = errors.Join(err, home.Close())
		if back != nil {
			err = errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}
