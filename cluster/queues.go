package cluster

import (
	"errors"

	"kubarium/cluster/controlplane"
	"kubarium/cluster/trace"
)

// Pending returns the pods that the scheduler has yet to place, and why they wait.
func (c *Cluster) Pending() ([]trace.PendingPod, error) {
	if c.plane == nil {
		return nil, errors.New("the cluster is not started")
	}
	return c.plane.Scheduler.Pending()
}

// WorkQueues returns the queues of the controllers.
func (c *Cluster) WorkQueues() ([]trace.WorkQueue, error) { return controlplane.WorkQueues() }
