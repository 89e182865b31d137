package relay

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxPause bounds the wait after a failed accept.
const maxPause = time.Second

// Serve accepts connections and runs handle for each, on a goroutine of its
// own, until the listener is closed or ctx ends; then it closes the listener
// and waits for the handlers, which must heed the context they are given.
func Serve(ctx context.Context, l net.Listener, handle func(context.Context, net.Conn)) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	defer stop()
	defer l.Close()
	for {
		conn, err := Accept(ctx, l)
		if err != nil {
			return
		}
		wg.Go(func() { handle(ctx, conn) })
	}
}

// Accept waits for the next connection. Errors that may pass (no descriptors
// left) are waited out; what it returns is final.
func Accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		}
	}
}
