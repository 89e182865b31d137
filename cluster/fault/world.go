package fault

import (
	"context"
	"log/slog"
	"net/netip"
	"os"

	"k8s.io/client-go/kubernetes"
)

// ControlPlane is what is at the router's address: the API server, and the registry.
const ControlPlane = "control-plane"

// World is the cluster as faults reach into it.
type World interface {
	// Log takes what was broken and healed.
	Log() *slog.Logger
	// Client is the administrator's.
	Client() (kubernetes.Interface, error)
	// Machine returns a node that runs.
	Machine(name string) (Machine, error)
	// Address is where a node, or ControlPlane, is in the cluster's network.
	Address(name string) (netip.Addr, error)
	// EndNode turns a node off: by a power cut, or by a shutdown. The next start of
	// the cluster does not know of it.
	EndNode(ctx context.Context, name string, kill bool) error
	// StartNode turns a node on, if it is not.
	StartNode(ctx context.Context, name string) error
	// StopComponent and StartComponent concern the components of the control plane
	// and the add-ons; CrashComponent ends one as if it had failed.
	StopComponent(ctx context.Context, name string) error
	StartComponent(ctx context.Context, name string) error
	CrashComponent(ctx context.Context, name string) error
	// LoseQuorum stops so many of etcd's members that the others are no majority, and
	// RestoreQuorum starts them.
	LoseQuorum(ctx context.Context) error
	RestoreQuorum(ctx context.Context) error
	// SetClock shortens Kubernetes' timers, or gives them upstream's values. If they can't
	// be shortened it takes back what it did.
	SetClock(ctx context.Context, fast bool) error
	// RefuseImage has the registry refuse an image, until allow is called.
	RefuseImage(image string) (allow func(), err error)
	// KubeletKubeconfig is a kubeconfig for the node's kubelet; an expired one was
	// good until an hour ago.
	KubeletKubeconfig(node string, expired bool) ([]byte, error)
}

// Machine is a node that runs.
type Machine interface {
	// OpenRoot opens a directory of the node, ReadFile reads a file, and ReplaceFile replaces
	// one as a whole. No link leads them out of the node.
	OpenRoot(dir string) (*os.Root, error)
	ReadFile(inside string) ([]byte, error)
	ReplaceFile(inside string, content []byte) error
	// OwnDisk reports whether the node has a disk of its own, and not a directory of the host's.
	OwnDisk() bool
	// Cgroup returns where the host has the node's cgroup of a controller ("memory").
	Cgroup(controller string) (string, error)
	// StopRole and StartRole concern the node's daemons, CrashRole kills one.
	StopRole(ctx context.Context, role string) error
	StartRole(ctx context.Context, role string) error
	CrashRole(role string) error
	// InNetwork runs f in the node's network namespace, with the programs it starts.
	InNetwork(f func() error) error
	// Done is closed when nothing of the machine is left.
	Done() <-chan struct{}
}
