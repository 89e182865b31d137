// Package keyspace reads etcd: its keys, and values of now and of former revisions.
package keyspace

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"kubarium/cluster/stored"
)

// MaxKeys is how many keys are listed at a time.
const MaxKeys = 20000

// List returns the keys that begin with prefix and what etcd knows of them, in order; more
// says that there are others. Their sizes cost reading the values.
func List(ctx context.Context, kv clientv3.KV, prefix string, sizes bool) (entries []stored.Entry, more bool, err error) {
	options := []clientv3.OpOption{clientv3.WithPrefix(), clientv3.WithLimit(MaxKeys)}
	if !sizes {
		options = append(options, clientv3.WithKeysOnly())
	}
	found, err := kv.Get(ctx, prefix, options...)
	if err != nil {
		return nil, false, fmt.Errorf("list keys: %w", err)
	}
	for _, pair := range found.Kvs {
		e := entryOf(pair.Key, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease, pair.Value)
		e.Value = nil
		entries = append(entries, e)
	}
	return entries, found.More, nil
}

func entryOf(key []byte, created, revision, writes, lease int64, value []byte) stored.Entry {
	return stored.Entry{Key: string(key), Created: created, Revision: revision, Writes: writes, Lease: lease, Size: len(value), Value: value}
}

// Read returns a key as it was at a revision of the store; 0 is now.
func Read(ctx context.Context, kv clientv3.KV, key string, revision int64) (stored.Entry, error) {
	found, err := kv.Get(ctx, key, clientv3.WithRev(revision))
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return stored.Entry{}, fmt.Errorf("etcd keeps revision %d no longer: the API server has the history compacted every five minutes", revision)
	case errors.Is(err, rpctypes.ErrFutureRev):
		return stored.Entry{}, fmt.Errorf("etcd has no revision %d yet", revision)
	case err != nil:
		return stored.Entry{}, fmt.Errorf("get key: %w", err)
	case len(found.Kvs) == 0:
		return stored.Entry{}, fmt.Errorf("etcd has no key %s: list them with 'kubarium etcd ls'", key)
	}
	pair := found.Kvs[0]
	return entryOf(pair.Key, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease, pair.Value), nil
}

// History returns what the key was at each revision that etcd still keeps, the newest
// first, and at most so many.
func History(ctx context.Context, kv clientv3.KV, key string, most int) ([]stored.Entry, error) {
	e, err := Read(ctx, kv, key, 0)
	if err != nil {
		return nil, err
	}
	list := []stored.Entry{e}
	for e.Writes > 1 && len(list) < most {
		found, err := kv.Get(ctx, key, clientv3.WithRev(e.Revision-1))
		if errors.Is(err, rpctypes.ErrCompacted) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("get key: %w", err)
		}
		if len(found.Kvs) == 0 {
			break
		}
		pair := found.Kvs[0]
		e = entryOf(pair.Key, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease, pair.Value)
		list = append(list, e)
	}
	return list, nil
}
