// Package tun makes devices whose other end is a descriptor.
package tun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Device is the kernel's device for making others.
const Device = "/dev/net/tun"

// Kind is what passes through a device.
type Kind uint16

const (
	// Frames have the addresses of links: the device can be a port of a bridge.
	Frames Kind = unix.IFF_TAP
	// Packets begin with IP.
	Packets Kind = unix.IFF_TUN
)

// Open makes a device in the namespace of the calling thread; the device lives as long
// as the descriptor. path is Device, but for tests.
func Open(path, name string, kind Kind) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("open %s: %w (load it: modprobe tun)", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(uint16(kind) | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make device %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}
