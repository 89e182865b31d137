package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// leasesInterval is how often etcd's leases are looked at: there is no watch of them.
	// Events, which are what has leases, are for an hour.
	leasesInterval = time.Minute
	leasesLimit    = 10 * time.Second
)

// leaseTerms has leases end when they were to. Etcd gives each its whole time again when it
// starts, and when its members elect: where that happens in each hour, events would stay for
// good. Etcd's own checkpoints help from five minutes of one leader on, and over a restart of
// the program.
type leaseTerms struct {
	// ends is when a lease ends by what was left of it when it was seen first.
	ends map[clientv3.LeaseID]time.Time
}

// run looks at the leases until the context ends. Where etcd does not answer, as without a
// quorum, the next look sees to it.
//
// It asks the leader, which alone knows what is left of a lease: another member passes the
// question on, and does so again at once, for seconds, while it gets no answer. One that is just
// starting does so with itself.
func (t *leaseTerms) run(ctx context.Context, leader func(context.Context) (*clientv3.Client, error)) {
	timer := time.NewTicker(leasesInterval)
	defer timer.Stop()
	for {
		if client, err := leader(ctx); err == nil {
			_ = t.look(ctx, client, time.Now())
			_ = client.Close()
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// look notes the ends of new leases, and revokes those that are over.
func (t *leaseTerms) look(ctx context.Context, client *clientv3.Client, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, leasesLimit)
	defer cancel()
	list, err := client.Leases(ctx)
	if err != nil {
		return fmt.Errorf("list etcd's leases: %w", err)
	}
	ends := make(map[clientv3.LeaseID]time.Time, len(list.Leases))
	for _, lease := range list.Leases {
		if end, known := t.ends[lease.ID]; known {
			ends[lease.ID] = end
			continue
		}
		left, err := client.TimeToLive(ctx, lease.ID)
		if err != nil {
			return fmt.Errorf("read a lease of etcd's: %w", err)
		}
		ends[lease.ID] = now.Add(time.Duration(left.TTL) * time.Second)
	}
	t.ends = ends
	for id, end := range ends {
		if now.Before(end) {
			continue
		}
		if _, err := client.Revoke(ctx, id); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return fmt.Errorf("end a lease of etcd's: %w", err)
		}
	}
	return nil
}
