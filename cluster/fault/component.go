package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kubarium/cluster/node"
)

const componentTarget = "COMPONENT|NODE/DAEMON"

const etcdTarget = "etcd"

// daemons are those of a node that can be broken alone.
var daemons = []string{node.RoleContainerd, node.RoleKubelet, node.RoleKubeProxy, node.RoleNetworkPolicy}

// daemonOf reads a target such as node-1/kubelet.
func daemonOf(target string) (on, daemon string, is bool, err error) {
	on, daemon, is = strings.Cut(target, "/")
	if is && !slices.Contains(daemons, daemon) {
		return "", "", true, fmt.Errorf("a node has no daemon %q; it has %s", daemon, strings.Join(daemons, ", "))
	}
	return on, daemon, is, nil
}

func stopComponent(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	on, daemon, isDaemon, err := daemonOf(o.Target)
	if err != nil {
		return nil, err
	}
	if !isDaemon {
		if err := w.StopComponent(ctx, o.Target); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.StartComponent(ctx, o.Target) }, nil
	}
	machine, err := w.Machine(on)
	if err != nil {
		return nil, err
	}
	heal := ifOn(machine, func(ctx context.Context) error { return machine.StartRole(ctx, daemon) })
	return heal, machine.StopRole(ctx, daemon)
}

// loseQuorum is of the etcd's; there is but one.
func loseQuorum(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	if o.Target != etcdTarget {
		return nil, fmt.Errorf("%q: the cluster has one etcd, called %s", o.Target, etcdTarget)
	}
	// It fails before it stops any member.
	if err := w.LoseQuorum(ctx); err != nil {
		return nil, err
	}
	return w.RestoreQuorum, nil
}

func crashComponent(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	on, daemon, isDaemon, err := daemonOf(o.Target)
	if err != nil {
		return nil, err
	}
	if !isDaemon {
		if err := w.CrashComponent(ctx, o.Target); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.StartComponent(ctx, o.Target) }, nil
	}
	machine, err := w.Machine(on)
	if err != nil {
		return nil, err
	}
	// Nothing to heal: the node starts it again.
	return nil, machine.CrashRole(daemon)
}
