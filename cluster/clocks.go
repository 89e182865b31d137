package cluster

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/clock"
	"kubarium/cluster/fault"
	"kubarium/cluster/node"
)

// SetClock shortens Kubernetes' timers, or gives them upstream's values again. The controllers
// and the kubelets start anew for it; the API server and containers go on.
func (w faultWorld) SetClock(ctx context.Context, fast bool) error {
	// Who starts from now on has the right one from the start.
	w.fast.Store(fast)
	err := errors.Join(w.plane.APIServer.SetTimers(), w.restartControllers(ctx), w.setKubeletClocks(ctx, fast))
	if err != nil && fast {
		return errors.Join(err, w.SetClock(context.WithoutCancel(ctx), false))
	}
	return err
}

// restartControllers restarts the controller manager, if it is not off. Going back to a former
// state stops and starts it, too: one after the other.
func (w faultWorld) restartControllers(ctx context.Context) error {
	w.rewinding.Lock()
	defer w.rewinding.Unlock()
	resume, err := w.rest(ctx, w.plane.ControllerManager.Name())
	return errors.Join(err, resume(ctx))
}

// setKubeletClocks concerns the nodes that run.
func (w faultWorld) setKubeletClocks(ctx context.Context, fast bool) error {
	var group errgroup.Group
	for _, name := range w.Nodes() {
		machine, err := w.Machine(name)
		if err != nil {
			continue // It is off.
		}
		group.Go(func() error {
			if err := setKubeletClock(ctx, machine, fast); err != nil {
				select {
				case <-machine.Done():
					return nil
				default:
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// setKubeletClock changes the kubelet's configuration where it has it, and nothing else in
// it: somebody may have changed that.
func setKubeletClock(ctx context.Context, machine fault.Machine, fast bool) error {
	content, err := machine.ReadFile(node.KubeletConfigPath)
	if err != nil {
		return fmt.Errorf("the kubelet has no configuration yet: %w", err)
	}
	config := map[string]any{}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return fmt.Errorf("the kubelet's configuration can't be read: heal that first (%w)", err)
	}
	// Without a value it is upstream's.
	delete(config, clock.LeaseField)
	delete(config, "crashLoopBackOff")
	if fast {
		config[clock.LeaseField] = int(clock.FastLease.Seconds())
		config["crashLoopBackOff"] = map[string]any{"maxContainerRestartPeriod": clock.FastBackoff.String()}
	}
	if content, err = yaml.Marshal(config); err != nil {
		return fmt.Errorf("write the kubelet's configuration: %w", err)
	}
	return fault.ChangeKubelet(ctx, machine, content)
}

// nodeTimers are those of a node that starts now.
func (c *Cluster) nodeTimers() node.Timers {
	if !c.fast.Load() {
		return node.Timers{}
	}
	return node.Timers{Lease: clock.FastLease, Backoff: clock.FastBackoff}
}
