package ui

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// onHangup calls gone when the terminal that a file is has gone, until ctx ends. There is a
// signal for that, but only for who leads the session: a program that su -c started is not
// told.
func onHangup(ctx context.Context, terminal *os.File, gone func()) {
	fd := int(terminal.Fd())
	switch _, err := unix.IoctlGetTermios(fd, unix.TCGETS); {
	case errors.Is(err, unix.EIO):
		gone() // it has gone already
		return
	case err != nil:
		return // it is no terminal
	}
	end, wake, err := os.Pipe()
	if err != nil {
		return // without it only the signal tells
	}
	defer end.Close()
	stop := context.AfterFunc(ctx, func() { _ = wake.Close() })
	defer func() {
		if stop() {
			_ = wake.Close()
		}
	}()
	// No event is asked for: that somebody has hung up is always told.
	wait := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(end.Fd())}}
	for {
		_, err := unix.Poll(wait, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && wait[0].Revents&unix.POLLHUP != 0 && ctx.Err() == nil:
			gone()
		}
		return
	}
}
