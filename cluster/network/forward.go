package network

import (
	"context"
	"fmt"
	"net"
	"sync"

	"kubarium/cluster/network/relay"
)

// Forward is a port of the host that leads into the lab.
type Forward struct {
	listener net.Listener
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// Forward listens on hostAddr (a loopback address with a port, 0 for any) and
// passes connections on to target, an IP address with a port in the lab, until
// it is closed or ctx ends.
func (n *Network) Forward(ctx context.Context, hostAddr, target string) (*Forward, error) {
	if err := checkLiteral(target); err != nil {
		return nil, fmt.Errorf("forward %s: %w", hostAddr, err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", hostAddr)
	if err != nil {
		return nil, fmt.Errorf("forward to %s: %w", target, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &Forward{listener: l, cancel: cancel}
	f.wg.Go(func() {
		relay.Serve(ctx, l, func(ctx context.Context, client net.Conn) {
			dial, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			conn, err := n.DialContext(dial, "tcp", target)
			if err != nil {
				n.log.Debug("forwarded connection found nobody", "target", target, "err", err)
				relay.Abort(client)
				return
			}
			relay.Stream(ctx, client, conn)
		})
	})
	return f, nil
}

// Addr is where the host is listened on.
func (f *Forward) Addr() net.Addr { return f.listener.Addr() }

// Close ends the forward and its connections.
func (f *Forward) Close() error {
	f.cancel()
	f.wg.Wait()
	return nil
}
