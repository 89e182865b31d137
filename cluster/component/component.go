// Package component says what a part of the cluster is, and how it fares.
//
// It holds types and nothing that runs, so that whoever shows or commands components need
// not link what does.
package component

import (
	"context"
	"time"
)

// State is where a component is in its life.
type State string

const (
	// Stopped components do nothing; every component begins so.
	Stopped State = "Stopped"
	// Starting components were started and are not ready yet.
	Starting State = "Starting"
	// Ready components do their work.
	Ready State = "Ready"
	// Unhealthy components run, and fail their health check.
	Unhealthy State = "Unhealthy"
	// Stopping components were told to stop and still run.
	Stopping State = "Stopping"
	// Frozen nodes stand still in the middle of what they do, and frozen components wait
	// for them.
	Frozen State = "Frozen"
	// Failed components ended by themselves; Message says why.
	Failed State = "Failed"
)

// Component is one part of the control plane (etcd, kube-apiserver, ...), which
// can be stopped and started while the others run.
type Component interface {
	// Name is the component's upstream name: "kube-apiserver".
	Name() string
	// Start begins the component and returns once it runs, before it is ready.
	// The context bounds the call, not the component's life.
	Start(ctx context.Context) error
	// Ready waits until the component does its work, or ctx ends.
	Ready(ctx context.Context) error
	// Stop ends the component and waits until all of it is gone.
	Stop(ctx context.Context) error
	// Health asks the component itself; nil is healthy.
	Health(ctx context.Context) error
}

// Ended reports whether what a component's exited channel stands for is over.
func Ended(exited <-chan struct{}) bool {
	select {
	case <-exited:
		return true
	default:
		return false
	}
}

// Info describes a component at one moment.
type Info struct {
	// Name is the upstream name ("etcd"), or the node's name for a node.
	Name string `json:"name"`
	// Purpose is one sentence: what the component is for.
	Purpose string `json:"purpose"`
	State   State  `json:"state"`
	// Message says why the component is Unhealthy or Failed, or what it waits for.
	Message string `json:"message,omitempty"`
	// Since is when State was entered.
	Since time.Time `json:"since"`
	// Took is how long the last start lasted, from Start to Ready; 0 before that.
	Took time.Duration `json:"took"`
}
