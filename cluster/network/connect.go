package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"kubarium/cluster/network/relay"
	"kubarium/cluster/unixsocket"
)

// connectTimeout bounds a dial for the API server, which sets no bound itself:
// without one, `kubectl logs` of a pod on a dead node would hang for minutes.
const connectTimeout = 10 * time.Second

// Connect is an HTTP CONNECT proxy on a unix socket that dials as a node does: what
// the API server's --egress-selector-config-file calls a proxy of type
// HTTPConnect.
type Connect struct {
	server *http.Server
	cancel context.CancelFunc
	// wg counts the serving goroutine and the open tunnels.
	wg sync.WaitGroup

	mu sync.Mutex
	// tunnels end those that are open.
	tunnels map[int]context.CancelFunc
	opened  int
}

// ServeConnect starts the proxy; it is served until it is closed or ctx ends.
// A socket left over at the path is replaced. Only the owner may connect:
// whoever does can reach all of the cluster.
func (n *Network) ServeConnect(ctx context.Context, path string) (*Connect, error) {
	l, err := unixsocket.Listen(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("serve API server's way into the lab: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Connect{cancel: cancel, tunnels: make(map[int]context.CancelFunc)}
	c.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.wg.Add(1)
			defer c.wg.Done()
			life, end := c.tunnel(ctx)
			defer end()
			connect(life, n.dialAsNode, w, r)
		}),
		ReadHeaderTimeout: connectTimeout,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	c.wg.Go(func() {
		if err := c.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the API server's way into the lab ended", "err", err)
		}
	})
	context.AfterFunc(ctx, func() { c.server.Close() })
	return c, nil
}

// Close ends the proxy and all tunnels through it.
func (c *Connect) Close() error {
	c.cancel()
	err := c.server.Close()
	c.wg.Wait()
	return err
}

// HangUp ends all tunnels that are open; others may be opened.
func (c *Connect) HangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.tunnels {
		end()
	}
}

// tunnel returns the life of a tunnel, and what is to be called at its end.
func (c *Connect) tunnel(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	number := c.opened
	c.tunnels[number] = cancel
	return ctx, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.tunnels, number)
	}
}

// dialer opens a connection.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// connect serves one tunnel, from request to end.
func connect(ctx context.Context, open dialer, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy knows CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	// The request's context ends when the client gives up.
	dial, cancel := context.WithTimeout(r.Context(), connectTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	target, err := open(dial, "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		relay.Abort(target)
		return
	}
	if err := establish(client, buffered, target); err != nil {
		client.Close()
		relay.Abort(target)
		return
	}
	relay.Stream(ctx, client, target)
}

// establish tells the client that it is through, and passes on what it said
// without waiting for that.
func establish(client net.Conn, buffered *bufio.ReadWriter, target net.Conn) error {
	if err := client.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return err
	}
	early, err := buffered.Peek(buffered.Reader.Buffered())
	if err != nil || len(early) == 0 {
		return err
	}
	_, err = target.Write(early)
	return err
}
