package rewind

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// tries is how often a plan is made anew because somebody wrote meanwhile. Kubelets do,
// each some times a minute.
const tries = 20

// Apply brings the cluster to a state, and returns what it wrote and the revision of
// that: 0 if there was nothing to write.
func Apply(ctx context.Context, etcd clientv3.KV, then State) (Plan, int64, error) {
	for range tries {
		now, err := ReadState(ctx, etcd, 0)
		if err != nil {
			return Plan{}, 0, err
		}
		plan, err := makePlan(now, then)
		if err != nil || plan.Empty() {
			return plan, 0, err
		}
		done, revision, err := plan.commit(ctx, etcd)
		if err != nil {
			return Plan{}, 0, fmt.Errorf("write the state back: %w", err)
		}
		if done {
			return plan, revision, nil
		}
	}
	return Plan{}, 0, errors.New("the cluster changes too fast to be brought back: try again")
}

// makePlan is MakePlan, also for a state of which one namespace only is wanted.
func makePlan(now, then State) (Plan, error) {
	if then.Only == "" {
		return MakePlan(now, then)
	}
	wanted, err := then.within(now)
	if err != nil {
		return Plan{}, err
	}
	plan, err := MakePlan(now, wanted)
	return plan.only(then), err
}

// commit writes all of it at once, unless one of the keys was written meanwhile.
func (p Plan) commit(ctx context.Context, etcd clientv3.KV) (bool, int64, error) {
	var unchanged []clientv3.Cmp
	var write []clientv3.Op
	for _, kv := range p.Put {
		unchanged = append(unchanged, clientv3.Compare(clientv3.ModRevision(kv.Key), "=", kv.Revision))
		write = append(write, clientv3.OpPut(kv.Key, string(kv.Value)))
	}
	for _, kv := range p.Delete {
		unchanged = append(unchanged, clientv3.Compare(clientv3.ModRevision(kv.Key), "=", kv.Revision))
		write = append(write, clientv3.OpDelete(kv.Key))
	}
	response, err := etcd.Txn(ctx).If(unchanged...).Then(write...).Commit()
	if err != nil {
		return false, 0, err
	}
	return response.Succeeded, response.Header.Revision, nil
}
