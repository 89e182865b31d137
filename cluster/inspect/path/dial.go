package path

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// dial connects from the first place, or sends a datagram from there, and returns the address
// from which it did; dialed is why there is no connection, or no answer.
func dial(ctx context.Context, q Question) (source netip.AddrPort, dialed, err error) {
	kind := unix.SOCK_STREAM
	if q.Datagram != nil {
		kind = unix.SOCK_DGRAM
	}
	var socket int
	err = q.Places[0].Enter(func() error {
		var err error
		if socket, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0); err != nil {
			return fmt.Errorf("make socket: %w", err)
		}
		return nil
	})
	if err != nil {
		return source, nil, err
	}
	// The port is taken before the first packet, so that the packet is known by it.
	if err := unix.Bind(socket, &unix.SockaddrInet4{}); err != nil {
		return source, nil, errors.Join(fmt.Errorf("take a port: %w", err), unix.Close(socket))
	}
	limit := unix.NsecToTimeval(int64(patience))
	for _, option := range []int{unix.SO_SNDTIMEO, unix.SO_RCVTIMEO} {
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, option, &limit); err != nil {
			return source, nil, errors.Join(fmt.Errorf("limit the time: %w", err), unix.Close(socket))
		}
	}
	// What waits is one thread, for as long as the limit, or until nobody wants to know: a
	// socket that is shut down waits no more. It is closed when that is done.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = unix.Shutdown(socket, unix.SHUT_RDWR)
	})
	defer func() {
		if !stop() {
			<-woken
		}
		unix.Close(socket)
	}()
	dialed = unix.Connect(socket, &unix.SockaddrInet4{Addr: q.Target.Addr().As4(), Port: int(q.Target.Port())})
	if dialed == nil && q.Datagram != nil {
		dialed = ask(socket, q.Datagram)
	}
	if errors.Is(dialed, unix.EINPROGRESS) || errors.Is(dialed, unix.EAGAIN) {
		dialed = fmt.Errorf("no answer within %s", patience)
		if q.Datagram != nil {
			dialed = fmt.Errorf("%w: programs need not answer to UDP", dialed)
		}
	}
	local, err := unix.Getsockname(socket)
	if err != nil {
		return source, nil, fmt.Errorf("find own port: %w", err)
	}
	if inet, ok := local.(*unix.SockaddrInet4); ok {
		source = netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), uint16(inet.Port))
	}
	return source, dialed, ctx.Err()
}

// ask sends a datagram, and waits for another one.
func ask(socket int, datagram []byte) error {
	for {
		_, err := unix.Write(socket, datagram)
		if err == nil {
			_, err = unix.Read(socket, make([]byte, 512))
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
