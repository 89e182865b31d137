package fault

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"kubarium/cluster/node"
)

const nodeTarget = "NODE"

// nodeName lets people write node/node-1 as well.
func nodeName(target string) string { return strings.TrimPrefix(target, "node/") }

// endNode turns a node off; healing turns it on.
func endNode(kill bool) func(context.Context, World, Order) (func(context.Context) error, error) {
	return func(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
		name := o.Target
		if err := w.EndNode(ctx, name, kill); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return w.StartNode(ctx, name) }, nil
	}
}

// expireCertificate gives the kubelet a certificate that is over. The file is the
// node's memory's: a node that is started anew has a good one.
func expireCertificate(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	name := o.Target
	machine, err := w.Machine(name)
	if err != nil {
		return nil, err
	}
	give := func(ctx context.Context, expired bool) error {
		content, err := w.KubeletKubeconfig(name, expired)
		if err != nil {
			return err
		}
		return withFile(ctx, machine, node.KubeletKubeconfig, content)
	}
	// Where it failed in the middle, the kubelet is off or has the expired one.
	return ifOn(machine, func(ctx context.Context) error { return give(ctx, false) }), give(ctx, true)
}

// ChangeKubelet gives a kubelet another configuration, and starts it anew.
func ChangeKubelet(ctx context.Context, machine Machine, content []byte) error {
	return withFile(ctx, machine, node.KubeletConfigPath, content)
}

// withFile replaces a file that the kubelet reads at its start, and starts the kubelet
// anew.
func withFile(ctx context.Context, machine Machine, inside string, content []byte) error {
	if err := machine.StopRole(ctx, node.RoleKubelet); err != nil {
		return err
	}
	if err := machine.ReplaceFile(inside, content); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(inside), err)
	}
	return machine.StartRole(ctx, node.RoleKubelet)
}

// ifOn heals a machine unless it went off: then nothing of the fault is left.
func ifOn(machine Machine, heal func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-machine.Done():
			return nil
		default:
		}
		err := heal(ctx)
		select {
		case <-machine.Done():
			return nil
		default:
			return err
		}
	}
}
