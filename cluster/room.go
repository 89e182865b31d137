package cluster

import (
	"context"
	"time"

	"kubarium/cluster/component"
)

// roomInterval is how often the cluster looks whether etcd is full. It costs nothing while
// it is not.
const roomInterval = 2 * time.Second

// watchRoom has etcd make room when it is full, until ctx ends, and tells that there is none.
func (c *Cluster) watchRoom(ctx context.Context) {
	tick := time.NewTicker(roomInterval)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			told = c.tracker.tellRoom(c.plane.Etcd.Name(), told, c.plane.Etcd.MakeRoom(ctx))
		}
	}
}

// tellRoom records that a Ready component is full, and that it is so no more if it was told
// to be; it returns what is told now. Any other state says more.
func (t *tracker) tellRoom(name, told string, full error) string {
	info, _ := t.get(name)
	ours := told != "" && info.State == component.Unhealthy && info.Message == told
	switch {
	case full != nil && (ours || info.State == component.Ready):
		t.replace(name, info, component.Unhealthy, full.Error())
		return full.Error()
	case full == nil && ours:
		t.replace(name, info, component.Ready, "")
	}
	return ""
}
