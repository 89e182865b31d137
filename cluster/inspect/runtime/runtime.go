// Package runtime lists what a node's containerd has, by asking it.
package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"

	"kubarium/cluster/inspect"
	"kubarium/cluster/unixsocket"
)

// namespace is where containerd keeps what is Kubernetes'.
const namespace = "k8s.io"

// The labels that say what a container is.
const (
	labelKind          = "io.cri-containerd.kind"
	labelPod           = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelContainerName = "io.kubernetes.container.name"
)

// Runtime is a node's containerd.
type Runtime struct {
	client      *client.Client
	snapshotter string
}

// askAgain is how soon a socket is looked for again that is not there yet.
const askAgain = 10 * time.Millisecond

// Dial connects to the containerd behind a unix socket.
func Dial(dial unixsocket.Dialer) (*Runtime, error) {
	// As containerd's own dialer, it waits for a containerd that is just starting.
	patient := func(ctx context.Context, _ string) (net.Conn, error) {
		for {
			conn, err := dial(ctx)
			if !errors.Is(err, fs.ErrNotExist) {
				return conn, err
			}
			select {
			case <-ctx.Done():
				return nil, err
			case <-time.After(askAgain):
			}
		}
	}
	// The address is what others know it by.
	c, err := client.New("/containerd.sock", client.WithDefaultNamespace(namespace),
		client.WithExtraDialOpts([]grpc.DialOption{grpc.WithContextDialer(patient)}))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd: %w", err)
	}
	return &Runtime{client: c}, nil
}

// Close ends the connection.
func (r *Runtime) Close() error { return r.client.Close() }

// List returns what containerd has.
func (r *Runtime) List(ctx context.Context) (inspect.Node, error) {
	version, err := r.client.Version(ctx)
	if err != nil {
		return inspect.Node{}, fmt.Errorf("ask containerd: %w", err)
	}
	n := inspect.Node{Version: version.Version}
	lists := []func(context.Context, *inspect.Node) error{r.images, r.containers, r.tasks, r.snapshots, r.leases}
	for _, list := range lists {
		if err := list(ctx, &n); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *Runtime) images(ctx context.Context, n *inspect.Node) error {
	list, err := r.client.ListImages(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, image := range list {
		// What of an image was never pulled has no size.
		size, err := image.Size(ctx)
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("size of image %s: %w", image.Name(), err)
		}
		n.Images = append(n.Images, inspect.Image{Name: image.Name(), Digest: image.Target().Digest.String(), Size: size})
	}
	slices.SortFunc(n.Images, func(a, b inspect.Image) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

func (r *Runtime) containers(ctx context.Context, n *inspect.Node) error {
	list, err := r.client.ContainerService().List(ctx)
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, c := range list {
		n.Containers = append(n.Containers, resource(c))
		r.snapshotter = cmp.Or(r.snapshotter, c.Snapshotter)
	}
	slices.SortFunc(n.Containers, func(a, b inspect.Resource) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod), cmp.Compare(b.Kind, a.Kind), a.Created.Compare(b.Created))
	})
	return nil
}

func resource(c containers.Container) inspect.Resource {
	return inspect.Resource{
		ID: c.ID, Kind: c.Labels[labelKind], Namespace: c.Labels[labelPodNamespace], Pod: c.Labels[labelPod],
		Container: c.Labels[labelContainerName], Image: c.Image, Snapshot: c.SnapshotKey, Runtime: c.Runtime.Name, Created: c.CreatedAt,
	}
}

func (r *Runtime) tasks(ctx context.Context, n *inspect.Node) error {
	list, err := r.client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	if err != nil {
		return fmt.Errorf("list tasks: %w", err)
	}
	for _, task := range list.Tasks {
		n.Tasks = append(n.Tasks, inspect.Task{ID: task.ID, PID: task.Pid, Status: task.Status.String()})
	}
	slices.SortFunc(n.Tasks, func(a, b inspect.Task) int { return cmp.Compare(a.PID, b.PID) })
	return nil
}

func (r *Runtime) snapshots(ctx context.Context, n *inspect.Node) error {
	if r.snapshotter == "" {
		return nil
	}
	service := r.client.SnapshotService(r.snapshotter)
	err := service.Walk(ctx, func(ctx context.Context, info snapshots.Info) error {
		// One that goes away meanwhile has no size.
		usage, err := service.Usage(ctx, info.Name)
		if err != nil && !errdefs.IsNotFound(err) {
			return err
		}
		n.Snapshots = append(n.Snapshots, inspect.Snapshot{Key: info.Name, Parent: info.Parent, Kind: info.Kind.String(), Size: usage.Size})
		return nil
	})
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	return nil
}

func (r *Runtime) leases(ctx context.Context, n *inspect.Node) error {
	service := r.client.LeasesService()
	list, err := service.List(ctx)
	if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	for _, lease := range list {
		l := inspect.Lease{ID: lease.ID, Created: lease.CreatedAt}
		resources, err := service.ListResources(ctx, lease)
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("list what lease %s holds: %w", lease.ID, err)
		}
		for _, held := range resources {
			l.Resources = append(l.Resources, held.Type+" "+held.ID)
		}
		n.Leases = append(n.Leases, l)
	}
	return nil
}

// ErrNoTask is why nothing is known of a container's processes.
var ErrNoTask = errors.New("the container does not run")

// Container returns what containerd knows of one, with the ID of its sandbox, and the
// number of its first process as the node sees it.
func (r *Runtime) Container(ctx context.Context, id string) (found inspect.Resource, sandbox string, pid int, err error) {
	c, err := r.client.ContainerService().Get(ctx, id)
	if err != nil {
		return found, "", 0, fmt.Errorf("find container %s: %w", id, err)
	}
	pid, err = r.PID(ctx, id)
	return resource(c), c.SandboxID, pid, err
}

// PID is the number of a container's first process, as the node sees it.
func (r *Runtime) PID(ctx context.Context, id string) (int, error) {
	task, err := r.client.TaskService().Get(ctx, &tasks.GetRequest{ContainerID: id})
	switch {
	case err != nil && errdefs.IsNotFound(errdefs.Resolve(err)):
		return 0, ErrNoTask
	case err != nil:
		return 0, fmt.Errorf("find process of container %s: %w", id, err)
	}
	return int(task.Process.Pid), nil
}

// Events calls f with the topic of each thing that changes in containerd, until ctx ends.
func (r *Runtime) Events(ctx context.Context, f func(topic string)) error {
	events, errs := r.client.Subscribe(ctx, `namespace==`+namespace)
	for {
		select {
		case e := <-events:
			if e != nil {
				f(e.Topic)
			}
		case err := <-errs:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("follow containerd: %w", err)
		}
	}
}
