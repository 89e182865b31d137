package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"kubarium/cluster/images"
)

// registryPort is where the registry listens in the cluster's network.
const registryPort = 5000

func (c *Cluster) registryAddress() string {
	return net.JoinHostPort(c.network.Config().Router.String(), strconv.Itoa(registryPort))
}

func (c *Cluster) serveImages(ctx context.Context) error {
	registry, err := images.Open(ctx, c.layout.Images())
	if err != nil {
		return fmt.Errorf("open image registry: %w", err)
	}
	listener, err := c.network.Listen(ctx, "tcp4", c.registryAddress())
	if err != nil {
		return fmt.Errorf("listen for image pulls: %w", err)
	}
	server := &http.Server{Handler: registry.Handler(), ReadHeaderTimeout: 10 * time.Second}
	c.mu.Lock()
	c.registry = registry
	c.mu.Unlock()
	c.onStop(func(context.Context) error { return server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("image registry ended", "error", err)
		}
	}()
	return nil
}
