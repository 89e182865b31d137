// Package ui is the terminal app: a cluster behind glass.
//
// There is one Bubble Tea model, App. It owns the panes, which are plain values:
// they draw themselves and turn keys into messages that say what is to be done.
// What comes from the cluster comes as messages: snapshots from package watch, the
// states of components, and the results of commands. Update never blocks, and View
// does no IO.
package ui

import (
	"context"
	"os/exec"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/hold"
	"kubarium/cluster/trace"
	"kubarium/ui/etcd"
	"kubarium/ui/glass"
	"kubarium/ui/keys"
	"kubarium/ui/panel"
	"kubarium/ui/theme"
	"kubarium/ui/tree"
	"kubarium/ui/watch"
)

// Cluster is what the app needs of a cluster that it shows. Starting it, and
// stopping it after Run has returned, are the caller's business.
type Cluster interface {
	Name() string
	// Components are those of the control plane, then the nodes' machines.
	Components() []component.Info
	// Watch gives every change of a component's state until ctx ends. The channel
	// is bounded: who reads too slowly may miss some, and finds the last state in
	// Components.
	Watch(ctx context.Context) <-chan component.Info
	// RESTConfig waits until the API server serves.
	RESTConfig(ctx context.Context) (*rest.Config, error)
	// Ready waits until the nodes are Ready.
	Ready(ctx context.Context) error

	StopComponent(ctx context.Context, name string) error
	StartComponent(ctx context.Context, name string) error
	StopNode(ctx context.Context, name string) error
	StartNode(ctx context.Context, name string) error
	KillNode(ctx context.Context, name string) error

	// LogFile is the path of a component's or a node's log; "" if it has none.
	LogFile(name string) string
}

// Options are what Run needs.
type Options struct {
	Cluster Cluster
	// Lessons stands beside the cluster; it may be nil.
	Lessons panel.Panel
	// Kubectl makes a process of real kubectl for this cluster, not started yet.
	Kubectl func(ctx context.Context, args ...string) *exec.Cmd
	// Guest says that the cluster is run by others, and stays when the app ends.
	Guest bool
	// Shell makes a process of the user's shell in the cluster's network, not started
	// yet; nil if there is none.
	Shell func() (*exec.Cmd, error)
	// Version is the app's own version.
	Version string
	// NoMotion keeps signs from moving; ASCII keeps to the ASCII range.
	NoMotion, ASCII bool
	// Theme is a name of package theme; "" is "auto".
	Theme string
	// OwnTheme is one that the user has written; nil if there is none.
	OwnTheme *theme.Own
	// Keys gives actions other keys.
	Keys keys.Remap
	// Memory is how the user left the app the last time, and Remember is told how they
	// leave it now; it may be nil.
	Memory   Memory
	Remember func(Memory)
	// Rewind brings the cluster back to a state it had; nil if that cannot be done.
	Rewind Rewinder
	// Trace is what the cluster's taps see; nil if it was started elsewhere.
	Trace *trace.Store
	// Glass is where the insides of components are seen; without a flow nobody does.
	Glass glass.Sources
	// Etcd is the cluster's store; without Keys nobody sees it.
	Etcd etcd.Source
	// Processes lists what runs in containers, by their IDs; nil if nobody knows.
	Processes tree.Processes
	// Faults and Holds are what is broken and held on purpose; nil if the cluster was
	// started elsewhere.
	Faults *fault.Manager
	Holds  *hold.Manager
	// Usage is what the cluster costs the machine just now. It may be nil.
	Usage func() (cpuCores, pssMiB float64)
	// Seen is told of each state of the cluster that the app has taken over, in Update: it
	// must not wait. It may be nil.
	Seen func(*watch.Snapshot)
	// NewClient makes the client of the API server; nil is client-go's own.
	NewClient func(*rest.Config) (kubernetes.Interface, error)
}

// look is the theme that is asked for.
func (o Options) look(dark bool) *theme.Theme {
	if o.OwnTheme != nil && o.OwnTheme.Name == o.Theme {
		return o.OwnTheme.New(dark, o.ASCII)
	}
	return theme.New(o.Theme, dark, o.ASCII)
}

// themes are the names of all themes that there are, "auto" first.
func (o Options) themes() []string {
	names := theme.Names()
	if o.OwnTheme != nil {
		names = append(names, o.OwnTheme.Name)
	}
	return names
}
