package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"kubarium/cluster/control"
	"kubarium/cluster/node"
)

// shutdown tells once that somebody asked the cluster to end.
type shutdown struct {
	once sync.Once
	done chan struct{}
}

// Shutdown asks for the cluster's end, and returns at once.
func (c *Cluster) Shutdown() { c.shutdown.once.Do(func() { close(c.shutdown.done) }) }

// Context returns a context that ends with ctx, and when Shutdown was called.
func (c *Cluster) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-c.shutdown.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// serveControl lets other processes command the cluster. The lock is held: the socket
// of another running cluster cannot be taken from it.
func (c *Cluster) serveControl() error {
	server, err := control.Serve(c.layout.ControlSocket(), c)
	if err != nil {
		return err
	}
	c.onStop(func(context.Context) error { return server.Close() })
	return nil
}

// Info tells what the cluster is, and how it fares.
func (c *Cluster) Info() control.Info {
	return control.Info{
		Name: c.options.Name, Version: c.options.Version, PID: os.Getpid(),
		Kubeconfig: c.layout.Kubeconfig(), Server: fmt.Sprintf("https://127.0.0.1:%d", c.state.Port),
		Started: c.started, Components: c.tracker.list(),
	}
}

// errNoRegistry is returned before the registry is open.
var errNoRegistry = errors.New("the image registry is not open yet: try again in a moment")

// ListImages lists what nodes can pull without the internet.
func (c *Cluster) ListImages() ([]control.Image, error) {
	registry := c.Images()
	if registry == nil {
		return nil, errNoRegistry
	}
	list, err := registry.List()
	if err != nil {
		return nil, err
	}
	images := make([]control.Image, 0, len(list))
	for _, i := range list {
		images = append(images, control.Image{Name: i.Name, Digest: i.Digest, Size: i.Size, Bundled: i.Bundled})
	}
	return images, nil
}

// LoadImages adds the images of an archive to the registry.
func (c *Cluster) LoadImages(ctx context.Context, archive io.Reader) ([]string, error) {
	registry := c.Images()
	if registry == nil {
		return nil, errNoRegistry
	}
	return registry.Load(ctx, archive)
}

// removeLimit is how long a running cluster may take to end before it is removed.
const removeLimit = 40 * time.Second

// Remove ends the cluster, wherever it runs, and deletes all that there is of it. A directory
// that no cluster was ever started in is left as it is.
func Remove(ctx context.Context, layout Layout) error {
	if !layout.used() {
		return fmt.Errorf("there is no cluster in %s: look at --name and --data-dir", layout.Root)
	}
	if layout.Running() {
		if err := control.NewClient(layout.ControlSocket()).Shutdown(ctx); err != nil && !errors.Is(err, control.ErrNotRunning) {
			return fmt.Errorf("stop the cluster: %w", err)
		}
		if err := layout.AwaitEnd(ctx, removeLimit); err != nil {
			return err
		}
	}
	// Nobody may start it while it goes.
	lock, err := takeLock(layout.lock())
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := node.Sweep(layout.cgroup()); err != nil {
		return fmt.Errorf("clear up: %w", err)
	}
	if err := os.RemoveAll(layout.Root); err != nil {
		return fmt.Errorf("remove state: %w", err)
	}
	return nil
}

// used reports whether a cluster was ever started here.
func (l Layout) used() bool {
	for _, path := range []string{l.lock(), l.state()} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return false
}

// AwaitEnd waits until no process runs the cluster.
func (l Layout) AwaitEnd(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for l.Running() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.New("the cluster does not end; its log is in " + l.Logs())
		}
	}
	return nil
}

// Versions lists what is in the program, as "name version" lines.
func Versions(own string) []string {
	lines := []string{"kubarium " + own}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return lines
	}
	names := map[string]string{
		"k8s.io/kubernetes": "kubernetes", "go.etcd.io/etcd/server/v3": "etcd", "github.com/containerd/containerd/v2": "containerd",
	}
	for _, module := range info.Deps {
		if short, ok := names[module.Path]; ok {
			lines = append(lines, short+" "+module.Version)
		}
	}
	return append(lines, "go "+strings.TrimPrefix(info.GoVersion, "go"))
}
