package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"kubarium/cluster/node/nodeinit"
)

const (
	// releaseLimit is how long the kernel may take to let go of a disk whose node is off.
	releaseLimit = 10 * time.Second
	// loopMajor is the number by which the kernel knows loop devices.
	loopMajor = 7
	// attachTries is how often another program may take the device that was free.
	attachTries = 10
)

// attachDisk makes a block device of the node's disk, which is a file of the host's. It is
// there until it is closed here, and mounted nowhere.
func attachDisk(ctx context.Context, spec Spec) (*os.File, error) {
	if err := makeDisk(ctx, spec.image(), spec.DiskBytes); err != nil {
		return nil, err
	}
	if err := awaitReleased(ctx, spec.image()); err != nil {
		return nil, err
	}
	image, err := os.OpenFile(spec.image(), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	for range attachTries {
		device, err := freeLoop()
		if err != nil {
			return nil, fmt.Errorf("find a loop device: %w: have the kernel's module loop loaded, or leave out the disk's size", err)
		}
		config := unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
		if err == nil {
			return device, nil
		}
		device.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("attach %s to %s: %w", spec.image(), device.Name(), err)
		}
	}
	return nil, errors.New("other programs take each loop device that is free: try again")
}

// makeDisk makes the file with a file system in it, once. All of its space is taken from the
// host's disk at once: if that is full, the nodes' disks are not torn.
func makeDisk(ctx context.Context, path string, size int64) (err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unfinished := path + ".new"
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			_ = os.Remove(unfinished)
		}
	}()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
		return fmt.Errorf("take %d MiB of %s: %w: free some space, or leave out the disk's size", size>>20, filepath.Dir(path), err)
	}
	made := exec.CommandContext(ctx, "mkfs."+nodeinit.DiskFS, "-q", "-m", "0", "-E", "nodiscard", unfinished)
	made.Env = append(os.Environ(), "PATH="+nodePath)
	if out, err := made.CombinedOutput(); err != nil {
		return fmt.Errorf("make file system: %w: %s: install e2fsprogs, or leave out the disk's size", err, bytes.TrimSpace(out))
	}
	return os.Rename(unfinished, path)
}

// freeLoop opens a loop device that nobody uses yet.
func freeLoop() (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	path := "/dev/loop" + strconv.Itoa(number)
	device, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return device, err
	}
	// Where nobody makes device files by themselves, as in a container.
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(loopMajor, uint32(number)))); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// awaitReleased waits until no device has the file: two file systems on it would destroy
// each other. The kernel lets go a moment after the node is off, and tells nobody.
func awaitReleased(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, releaseLimit)
	defer cancel()
	for {
		device, err := loopOf(path)
		if device == "" || err != nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s still uses %s: a program has a file of the node's open", device, path)
		}
	}
}

// loopOf is the loop device that has the file; "" is none. Names tell nothing: another
// container's may be the same. A device whose file is not there was not attached here.
func loopOf(path string) (string, error) {
	var image unix.Stat_t
	if err := unix.Stat(path, &image); err != nil {
		return "", fmt.Errorf("look at %s: %w", path, err)
	}
	// The pattern is a good one.
	used, _ := filepath.Glob("/sys/block/loop*/loop")
	for _, dir := range used {
		name := filepath.Base(filepath.Dir(dir))
		device, err := os.Open(filepath.Join("/dev", name))
		if err != nil {
			continue
		}
		has, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
		device.Close()
		if err == nil && has.Device == image.Dev && has.Inode == image.Ino {
			return name, nil
		}
	}
	return "", nil
}
