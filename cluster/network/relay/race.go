package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// headStart is how long one candidate may take before the next is tried as well.
// A node that was killed counts as ready for most of a minute.
const headStart = 300 * time.Millisecond

// ErrNobody is returned when there is nobody to connect to.
var ErrNobody = errors.New("no node to forward to")

type dialed struct {
	from netip.Addr
	conn net.Conn
	err  error
}

// Race connects to the first candidate that answers, and tells which one it is. The
// next gets its turn when the one before refuses, or its head start is over.
func Race(ctx context.Context, candidates []netip.Addr, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, netip.Addr, error) {
	results := make(chan dialed, len(candidates))
	next := time.NewTimer(0)
	defer next.Stop()
	err := ErrNobody
	for started, ended := 0, 0; ended < len(candidates); {
		select {
		case <-next.C:
			if started < len(candidates) {
				go func(from netip.Addr) {
					conn, err := dial(ctx, from)
					results <- dialed{from, conn, err}
				}(candidates[started])
				started++
				next.Reset(headStart)
			}
		case r := <-results:
			ended++
			if r.err == nil {
				go drop(results, started-ended)
				return r.conn, r.from, nil
			}
			err = r.err
			next.Reset(0)
		}
	}
	return nil, netip.Addr{}, err
}

// drop closes the connections that came too late.
func drop(results <-chan dialed, pending int) {
	for range pending {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
}
