// Package relay carries bytes between two connections that can't be joined by
// the kernel, since they end in different networks.
package relay

import (
	"context"
	"io"
	"net"
	"sync"
)

// Stream copies both ways until both sides have said all, one of them breaks,
// or ctx ends, and closes both. The end of what one side says is passed on as
// such, while the other side may go on: HTTP requests that end by it, and
// kubectl exec with piped input, depend on that. A side that breaks breaks the
// other, so that a reset arrives as a reset.
func Stream(ctx context.Context, a, b net.Conn) {
	stop := context.AfterFunc(ctx, func() { Abort(a); Abort(b) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { half(a, b) })
	half(b, a)
	wg.Wait()
	a.Close()
	b.Close()
}

func half(dst, src net.Conn) {
	_, err := io.Copy(dst, src)
	if err == nil {
		if w, ok := dst.(interface{ CloseWrite() error }); ok {
			err = w.CloseWrite()
		} else {
			err = io.ErrClosedPipe
		}
	}
	if err != nil {
		Abort(dst)
		Abort(src)
	}
}

// Abort closes the connection with a reset where its kind knows one.
func Abort(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(int) error }); ok {
		// Closing is what matters; without the option it is just less blunt.
		_ = l.SetLinger(0)
	}
	c.Close()
}
