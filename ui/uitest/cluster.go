// Package uitest has a cluster that is not there: enough of one to look at the
// app, and to test it, without anything that runs.
package uitest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
)

// Version is the Kubernetes version of the fake cluster.
const Version = "v1.37.1"

// Cluster pretends to be a cluster. Its zero value is not usable; see New.
type Cluster struct {
	// Client holds the objects.
	Client kubernetes.Interface

	mu       sync.Mutex
	infos    []component.Info
	watchers []chan component.Info
	serves   chan struct{}
	ready    chan struct{}
	logs     string
}

// New makes a cluster whose components are all stopped. logs is a file that is
// every component's log.
func New(now time.Time, logs string) *Cluster {
	c := &Cluster{
		Client: NewClient(now), logs: logs,
		serves: make(chan struct{}), ready: make(chan struct{}),
	}
	for _, i := range Components() {
		i.State, i.Since = component.Stopped, now
		c.infos = append(c.infos, i)
	}
	return c
}

// Components are those of a cluster that is up, with how long each took.
func Components() []component.Info {
	info := func(name string, took int, purpose string) component.Info {
		return component.Info{Name: name, Purpose: purpose, State: component.Ready, Took: time.Duration(took) * time.Millisecond}
	}
	return []component.Info{
		info("network", 41, "The wires: a network of its own for the cluster, apart from the machine's."),
		info("registry", 12, "Serves the bundled container images, so that nothing has to be downloaded."),
		info("etcd", 183, "The cluster's only memory: keeps every object, and tells who asks about changes."),
		info("kube-apiserver", 1320, "The door to etcd: checks every request, stores what is allowed, and is all that others talk to."),
		info("kube-controller-manager", 410, "Runs the controllers, which work until what there is matches what was asked for."),
		info("kube-scheduler", 264, "Picks a node for every pod that has none."),
		info("node-1", 1630, "A machine for pods: containerd, kubelet and kube-proxy."),
		info("node-2", 1710, "A machine for pods: containerd, kubelet and kube-proxy."),
		info("node-3", 1580, "A machine for pods: containerd, kubelet and kube-proxy."),
	}
}

// Boot goes through a start, each step as long as it was recorded times slow.
func (c *Cluster) Boot(ctx context.Context, slow float64) {
	sleep := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(float64(d) * slow)):
		}
	}
	var nodes sync.WaitGroup
	for _, i := range Components() {
		start := func() {
			c.Set(i.Name, component.Starting, "")
			sleep(i.Took)
			c.Set(i.Name, component.Ready, "")
		}
		if len(i.Name) > 5 && i.Name[:5] == "node-" {
			nodes.Go(start)
			continue
		}
		start()
		if i.Name == "kube-apiserver" {
			close(c.serves)
		}
	}
	nodes.Wait()
	close(c.ready)
}

// Set changes a component's state.
func (c *Cluster) Set(name string, s component.State, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.infos {
		i := &c.infos[n]
		if i.Name != name {
			continue
		}
		i.State, i.Message, i.Since = s, message, time.Now()
		for _, r := range Components() {
			if r.Name == name && s == component.Ready {
				i.Took = r.Took
			}
		}
		for _, w := range c.watchers {
			select {
			case w <- *i:
			default:
			}
		}
	}
}

// Name implements ui.Cluster.
func (c *Cluster) Name() string { return "kubarium" }

// Components implements ui.Cluster.
func (c *Cluster) Components() []component.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]component.Info(nil), c.infos...)
}

// Watch implements ui.Cluster.
func (c *Cluster) Watch(context.Context) <-chan component.Info {
	w := make(chan component.Info, 16)
	c.mu.Lock()
	c.watchers = append(c.watchers, w)
	c.mu.Unlock()
	return w
}

// RESTConfig implements ui.Cluster. The configuration leads nowhere.
func (c *Cluster) RESTConfig(ctx context.Context) (*rest.Config, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.serves:
		return &rest.Config{Host: "https://127.0.0.1:6443"}, nil
	}
}

// Ready implements ui.Cluster.
func (c *Cluster) Ready(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ready:
		return nil
	}
}

// NewClient is for ui.Options: the client that holds the objects.
func (c *Cluster) NewClient(*rest.Config) (kubernetes.Interface, error) { return c.Client, nil }

// StopComponent implements ui.Cluster.
func (c *Cluster) StopComponent(_ context.Context, name string) error {
	c.Set(name, component.Stopped, "")
	return nil
}

// StartComponent implements ui.Cluster.
func (c *Cluster) StartComponent(_ context.Context, name string) error {
	c.Set(name, component.Ready, "")
	return nil
}

// StopNode implements ui.Cluster.
func (c *Cluster) StopNode(ctx context.Context, name string) error { return c.StopComponent(ctx, name) }

// StartNode implements ui.Cluster.
func (c *Cluster) StartNode(ctx context.Context, name string) error {
	return c.StartComponent(ctx, name)
}

// KillNode implements ui.Cluster.
func (c *Cluster) KillNode(ctx context.Context, name string) error { return c.StopComponent(ctx, name) }

// Freeze implements ui.Freezer.
func (c *Cluster) Freeze(context.Context) error {
	for _, i := range c.Components() {
		if !strings.HasPrefix(i.Name, "node-") && i.Name != "kube-scheduler" && i.Name != "kube-controller-manager" {
			continue
		}
		c.Set(i.Name, component.Frozen, "")
	}
	return nil
}

// Thaw implements ui.Freezer.
func (c *Cluster) Thaw(context.Context) error {
	for _, i := range c.Components() {
		c.Set(i.Name, component.Ready, "")
	}
	return nil
}

// LogFile implements ui.Cluster.
func (c *Cluster) LogFile(string) string { return c.logs }

// Kubectl pretends to be kubectl: it prints its arguments, and some lines more.
func Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	script := `echo "NAME     STATUS   ROLES    AGE   VERSION"; for n in 1 2 3; do echo "node-$n   Ready    <none>   16m   ` + Version + `"; done`
	if len(args) > 0 && args[0] != "get" {
		script = `echo "error: unknown command \"$1\" for \"kubectl\"" >&2; exit 1`
	}
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "kubectl"}, args...)...)
	cmd.Env = os.Environ()
	return cmd
}

// Inside implements ui.Insider: the same always.
func (c *Cluster) Inside(ctx context.Context, kind, namespace, name string, show func(string)) error {
	show("inside of " + kind + " " + namespace + "/" + name + "\n\nNamespaces\n  KIND   INODE\n  net    4026532996")
	<-ctx.Done()
	return ctx.Err()
}
