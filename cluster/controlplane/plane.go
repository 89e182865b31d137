// Package controlplane runs etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler inside this process, each of which can be stopped and started
// while the others run. DESIGN.md tells how, and around which upstream globals.
package controlplane

import (
	"context"
	"fmt"

	"kubarium/cluster/component"
)

// Plane is the control plane of one cluster.
type Plane struct {
	Etcd              *Etcd
	APIServer         *APIServer
	ControllerManager *ControllerManager
	Scheduler         *Scheduler
}

// New returns a control plane, nothing of which is started.
func New(config Config) (*Plane, error) {
	probe, err := newProbe(config.PKI)
	if err != nil {
		return nil, fmt.Errorf("prepare health checks: %w", err)
	}
	return &Plane{
		Etcd:              newEtcd(config),
		APIServer:         newAPIServer(config, probe),
		ControllerManager: newControllerManager(config, probe),
		Scheduler:         newScheduler(config, probe),
	}, nil
}

// Components returns the components in the order in which they start.
func (p *Plane) Components() []component.Component {
	return []component.Component{p.Etcd, p.APIServer, p.ControllerManager, p.Scheduler}
}

// Seed writes the default RBAC policy into an empty etcd; see seed.go for why.
func (p *Plane) Seed(ctx context.Context) error { return seed(ctx, p.Etcd) }
