package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/component"
	"kubarium/cluster/fault"
	"kubarium/cluster/network"
	"kubarium/cluster/node"
	"kubarium/cluster/pki"
)

// Faults injects faults into the cluster, and heals them.
func (c *Cluster) Faults() *fault.Manager { return c.faults }

// releaseAll lets through what waits: the cluster's end writes, too.
func (c *Cluster) releaseAll(context.Context) error {
	_, err := c.holds.Release("")
	return err
}

// errCrashed is how a component ended that crashed by a fault.
var errCrashed = errors.New("crashed, by the fault component-crash")

// faultWorld is the cluster as faults reach into it.
type faultWorld struct{ *Cluster }

var _ fault.World = faultWorld{}

// Log is the cluster's own.
func (w faultWorld) Log() *slog.Logger { return w.log }

// Client returns a client with the administrator's rights.
func (w faultWorld) Client() (kubernetes.Interface, error) {
	select {
	case <-w.serving:
	default:
		return nil, errors.New("the API server is not up yet")
	}
	client, err := kubernetes.NewForConfig(w.restConfig)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return client, nil
}

// Machine returns a node that runs.
func (w faultWorld) Machine(name string) (fault.Machine, error) {
	if w.isFrozen() {
		return nil, errFrozen
	}
	_, running, err := w.findNode(name)
	if err != nil {
		return nil, err
	}
	if running == nil {
		return nil, fmt.Errorf("%s is off", name)
	}
	return faultMachine{running}, nil
}

// faultMachine is a node with its network.
type faultMachine struct{ *node.Node }

// InNetwork runs f in the node's network namespace.
func (m faultMachine) InNetwork(f func() error) error { return network.InNamespaceOf(m.PID(), f) }

// Address is where the node, or the control plane, is in the cluster's network.
func (w faultWorld) Address(name string) (netip.Addr, error) {
	if name == fault.ControlPlane {
		return w.network.Config().Router, nil
	}
	n, _, err := w.findNode(name)
	if err != nil {
		return netip.Addr{}, err
	}
	return w.nodeAddress(n.Index), nil
}

// EndNode turns a node off until StartNode, or the next start of the cluster.
func (w faultWorld) EndNode(ctx context.Context, name string, kill bool) error {
	return w.endNode(name, false, func(n *node.Node) error {
		if kill {
			return n.Kill()
		}
		return n.Stop(ctx)
	})
}

// StartNode turns a node on. One that was turned on meanwhile, or is no more, is fine.
func (w faultWorld) StartNode(ctx context.Context, name string) error {
	_, running, err := w.findNode(name)
	if err != nil {
		return nil
	}
	if running != nil {
		select {
		case <-running.Done():
		default:
			return nil
		}
	}
	return w.Cluster.StartNode(ctx, name)
}

// CrashComponent ends a component of the control plane as if it had failed.
func (w faultWorld) CrashComponent(ctx context.Context, name string) error {
	part, err := w.component(name)
	if err != nil {
		return err
	}
	if info, _ := w.tracker.get(name); info.State == component.Frozen {
		return errFrozen
	}
	crashing, can := part.(interface {
		Crash(ctx context.Context, reason error) error
	})
	if !can {
		return fmt.Errorf("%s cannot be made to crash: use component-stop", name)
	}
	if err := crashing.Crash(ctx, errCrashed); err != nil {
		return err
	}
	w.tracker.set(name, component.Failed, errCrashed.Error())
	return nil
}

// StopComponent stops a component that runs.
func (w faultWorld) StopComponent(ctx context.Context, name string) error {
	if info, known := w.tracker.get(name); known && info.State == component.Stopped {
		return fmt.Errorf("%s is stopped already", name)
	}
	return w.Cluster.StopComponent(ctx, name)
}

// LoseQuorum leaves etcd without a majority of its members.
func (w faultWorld) LoseQuorum(ctx context.Context) error {
	etcd := w.plane.Etcd
	if err := etcd.LoseQuorum(); err != nil {
		return err
	}
	if err := etcd.Health(ctx); err != nil {
		w.tracker.set(etcd.Name(), component.Unhealthy, err.Error())
	}
	return nil
}

// RestoreQuorum starts the members that are off.
func (w faultWorld) RestoreQuorum(ctx context.Context) error {
	etcd := w.plane.Etcd
	if err := etcd.RestoreQuorum(ctx); err != nil {
		return err
	}
	// Somebody may have stopped all of it meanwhile.
	if info, _ := w.tracker.get(etcd.Name()); info.State == component.Unhealthy {
		w.tracker.set(etcd.Name(), component.Ready, "")
	}
	return nil
}

// RefuseImage has the registry refuse an image, until allow is called.
func (w faultWorld) RefuseImage(image string) (allow func(), err error) {
	registry := w.Images()
	if registry == nil {
		return nil, errNoRegistry
	}
	return registry.Refuse(image)
}

// KubeletKubeconfig is what a node's kubelet reaches the API server with.
func (w faultWorld) KubeletKubeconfig(name string, expired bool) ([]byte, error) {
	n, _, err := w.findNode(name)
	if err != nil {
		return nil, err
	}
	spec, err := w.nodeSpec(n)
	if err != nil {
		return nil, err
	}
	if !expired {
		return spec.KubeletKubeconfig()
	}
	pair, err := w.pki.ExpiredClient("system:node:"+name, "system:nodes")
	if err != nil {
		return nil, err
	}
	return pki.Kubeconfig("kubarium", "kubelet", spec.APIServer, spec.CA, pair)
}
