package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node"
	"kubarium/cluster/node/nodeinit"
)

// refill is how often what others gave back to a full disk is taken again. The kernel tells
// nobody of it.
const refill = time.Second

// pressDisk fills the disk of a node. One that the node shares with this machine is not
// filled: its kubelet is told to call it full.
func pressDisk(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	machine, err := w.Machine(o.Target)
	if err != nil {
		return nil, err
	}
	if machine.OwnDisk() {
		return fillDisk(machine)
	}
	return raiseThreshold(ctx, w, o, machine)
}

// fillDisk takes all that is free of a node's own disk, again and again, as a program does
// that writes and writes. Healing gives it back, and starts the kubelet anew: it would wait
// for five minutes, lest the disk is full again.
func fillDisk(machine Machine) (func(context.Context) error, error) {
	fill := func() error {
		disk, err := machine.OpenRoot("/var")
		if err != nil {
			return fmt.Errorf("open the node's disk: %w", err)
		}
		defer disk.Close()
		return takeAll(disk)
	}
	if err := fill(); err != nil {
		return ifOn(machine, func(context.Context) error { return giveBack(machine) }), err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(refill)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				// A machine that goes off is no news, and there is nobody to tell.
				_ = fill()
			case <-stop:
				return
			case <-machine.Done():
				return
			}
		}
	}()
	end := sync.OnceFunc(func() { close(stop); <-stopped })
	return ifOn(machine, func(ctx context.Context) error {
		end()
		if err := giveBack(machine); err != nil {
			return err
		}
		if err := machine.StopRole(ctx, node.RoleKubelet); err != nil {
			return err
		}
		return machine.StartRole(ctx, node.RoleKubelet)
	}), nil
}

// takeAll makes the file that fills the disk as large as it can be. Its blocks are reserved,
// and not written: that is done in an instant, and takes nothing of this machine's disk.
func takeAll(disk *os.Root) error {
	file, err := disk.OpenFile(nodeinit.FillFile, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fill the node's disk: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("fill the node's disk: %w", err)
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &s); err != nil {
		return fmt.Errorf("look at the node's disk: %w", err)
	}
	size, most := info.Size(), int64(s.Bavail)*s.Bsize
	for most >= s.Bsize {
		switch err := unix.Fallocate(int(file.Fd()), 0, size, most); {
		case err == nil:
			size += most
		case errors.Is(err, unix.ENOSPC):
			// What is left is needed to note what is taken, or others took some.
			most /= 2
		case !errors.Is(err, unix.EINTR):
			return fmt.Errorf("fill the node's disk: %w", err)
		}
	}
	return nil
}

// giveBack removes the file that fills the disk.
func giveBack(machine Machine) error {
	disk, err := machine.OpenRoot("/var")
	if err != nil {
		return fmt.Errorf("open the node's disk: %w", err)
	}
	defer disk.Close()
	if err := disk.Remove(nodeinit.FillFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("empty the node's disk: %w", err)
	}
	return nil
}
