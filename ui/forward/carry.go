package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Tunnel leads to a pod.
type Tunnel interface {
	// Open opens a connection to a port of the pod.
	Open(port int) (Conn, error)
	// Gone is closed when it leads nowhere any more.
	Gone() <-chan bool
	Close() error
}

// Conn is a connection to a port of a pod.
type Conn interface {
	io.ReadWriter
	// CloseWrite says that nothing more is sent; the pod may still answer.
	CloseWrite() error
	// End ends it, and tells what the pod's side said was wrong.
	End() error
}

// findTime is how long a pod may take to be found.
const findTime = 15 * time.Second

func (m *Manager) accept(ctx context.Context, f *forward, listener net.Listener) {
	for {
		local, err := listener.Accept()
		if err != nil {
			return // it was stopped
		}
		number := f.all.Add(1)
		m.running.Go(func() {
			f.open.Add(1)
			m.tell()
			f.ended(ctx, number, m.carry(ctx, f, local))
			m.tell()
		})
	}
}

// ended notes how the connection of that number went.
func (f *forward) ended(ctx context.Context, number int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		f.state, f.err, f.failed = Failing, err.Error(), number
		f.retire() // the next one looks for a pod anew
	case number > f.failed:
		f.state, f.err = Listening, ""
	}
	if f.open.Add(-1) == 0 {
		f.closeOld()
	}
}

// carry carries bytes between a connection and the pod, until both ends are done.
func (m *Manager) carry(ctx context.Context, f *forward, local net.Conn) error {
	defer local.Close()
	remote, err := m.reach(ctx, f)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = local.Close()
		_ = remote.End() // carry is told as well
	})
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = io.Copy(count{remote, &f.in, m.tell}, local) // what is wrong with the pod's side is told by End
		_ = remote.CloseWrite()
	})
	_, err = io.Copy(count{local, &f.out, m.tell}, remote)
	_ = local.Close()
	sending.Wait()
	var gone *net.OpError
	if told := remote.End(); told != nil {
		return told
	} else if errors.As(err, &gone) {
		return nil // who asked has left
	}
	return err
}

// reach opens a connection to the pod; if the tunnel to it leads nowhere, through another.
func (m *Manager) reach(ctx context.Context, f *forward) (Conn, error) {
	for {
		tunnel, port, fresh, err := m.tunnel(ctx, f)
		if err != nil {
			return nil, err
		}
		conn, err := tunnel.Open(port)
		if err == nil {
			return conn, nil
		}
		if fresh {
			return nil, fmt.Errorf("connect to the pod: %w", err)
		}
		f.mu.Lock()
		f.retire()
		f.mu.Unlock()
	}
}

// tunnel is that to the forward's pod, or to another one if that takes no connections any
// more.
func (m *Manager) tunnel(ctx context.Context, f *forward) (t Tunnel, port int, fresh bool, err error) {
	f.dialing.Lock()
	defer f.dialing.Unlock()
	f.mu.Lock()
	before, t := f.target, f.tunnel
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	target, err := m.pods.Find(ctx, f.spec.To, f.spec.Remote, before)
	if err != nil {
		return nil, 0, false, err
	}
	if t != nil && target == before {
		select {
		case <-t.Gone():
		default:
			return t, target.Port, false, nil
		}
	}
	if t, err = m.pods.Dial(f.spec.To.Namespace, target.Pod); err != nil {
		return nil, 0, false, fmt.Errorf("reach pod %s: %w", target.Pod, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retire()
	if f.listener == nil { // it was stopped meanwhile
		return nil, 0, false, errors.Join(context.Canceled, t.Close())
	}
	f.tunnel, f.target = t, target
	return t, target.Port, true, nil
}

// count counts what is written.
type count struct {
	io.Writer
	n    *atomic.Int64
	tell func()
}

func (c count) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	c.tell()
	return n, err
}
