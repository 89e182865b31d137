// Package rewind brings a cluster back to a state that it had: to a snapshot that was
// saved, or to before the user's last change.
//
// It works on etcd, below the API server. What was then is written again, as new
// revisions, in one transaction, so that everybody who watches is told of it as of any
// other change; DESIGN.md says what is left out, and why.
package rewind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// registry is where the API server keeps all its keys.
const registry = "/registry/"

// KV is a key of etcd with its value.
type KV struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
	// Revision is that of the last write.
	Revision int64 `json:"revision,omitempty"`
}

// State is all that a cluster can be brought back to.
type State struct {
	Revision int64
	// Only is the one namespace that is brought back; "" is all of the cluster.
	Only string
	Keys map[string]KV
}

// notRewound are the keys of what tells of the present: who is alive, what happened, and
// what components write for themselves at each start.
var notRewound = []string{
	registry + "events/",
	registry + "leases/",
	registry + "masterleases/",
	registry + "csinodes/",
	registry + "certificatesigningrequests/",
	registry + "apiregistration.k8s.io/",
	registry + "configmaps/kube-system/extension-apiserver-authentication",
	registry + "configmaps/kube-system/kube-apiserver-legacy-service-account-token-tracking",
	registry + "services/endpoints/default/kubernetes",
	registry + "endpointslices/default/kubernetes",
}

func rewound(kv *mvccpb.KeyValue) bool {
	// What has a lease goes by itself.
	if kv.Lease != 0 {
		return false
	}
	for _, prefix := range notRewound {
		if strings.HasPrefix(string(kv.Key), prefix) {
			return false
		}
	}
	return true
}

// ErrCompacted says that etcd no longer has the history of a revision.
var ErrCompacted = errors.New("etcd has compacted the history of that time: only the last five to ten minutes are kept, and what was saved as a snapshot")

// ReadState returns the state at a revision, 0 for the newest.
func ReadState(ctx context.Context, etcd clientv3.KV, revision int64) (State, error) {
	found, err := etcd.Get(ctx, registry, clientv3.WithPrefix(), clientv3.WithRev(revision))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return State{}, ErrCompacted
	}
	if err != nil {
		return State{}, fmt.Errorf("read the cluster's state: %w", err)
	}
	state := State{Revision: revision, Keys: make(map[string]KV, len(found.Kvs))}
	if revision == 0 {
		state.Revision = found.Header.Revision
	}
	for _, kv := range found.Kvs {
		if rewound(kv) {
			state.Keys[string(kv.Key)] = KV{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
		}
	}
	return state, nil
}
