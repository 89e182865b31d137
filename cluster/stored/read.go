package stored

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Prefix is where the API server keeps all its keys.
const Prefix = "/registry/"

// MaxKeys is how many keys are listed at a time.
const MaxKeys = 20000

// Entry is a key of etcd's at a revision.
type Entry struct {
	Key string `json:"key"`
	// Created is the revision that made the key, Revision the one that wrote it last, and
	// Writes how often it was written between.
	Created  int64 `json:"created"`
	Revision int64 `json:"revision"`
	Writes   int64 `json:"writes"`
	// Size of the value, in bytes.
	Size int `json:"size"`
	// Lease ends the key when it ends; 0 is none.
	Lease int64  `json:"lease,omitempty"`
	Value []byte `json:"-"`
}

// List returns the keys that begin with prefix and what etcd knows of them, in order; more
// says that there are others.
func List(ctx context.Context, kv clientv3.KV, prefix string) (entries []Entry, more bool, err error) {
	found, err := kv.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithLimit(MaxKeys))
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

func entryOf(key []byte, created, revision, writes, lease int64, value []byte) Entry {
	return Entry{Key: string(key), Created: created, Revision: revision, Writes: writes, Lease: lease, Size: len(value), Value: value}
}

// Read returns a key as it was at a revision of the store; 0 is now.
func Read(ctx context.Context, kv clientv3.KV, key string, revision int64) (Entry, error) {
	found, err := kv.Get(ctx, key, clientv3.WithRev(revision))
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return Entry{}, fmt.Errorf("etcd keeps revision %d no longer: the API server has the history compacted every five minutes", revision)
	case errors.Is(err, rpctypes.ErrFutureRev):
		return Entry{}, fmt.Errorf("etcd has no revision %d yet", revision)
	case err != nil:
		return Entry{}, fmt.Errorf("get key: %w", err)
	case len(found.Kvs) == 0:
		return Entry{}, fmt.Errorf("etcd has no key %s: list them with 'kubarium etcd ls'", key)
	}
	pair := found.Kvs[0]
	return entryOf(pair.Key, pair.CreateRevision, pair.ModRevision, pair.Version, pair.Lease, pair.Value), nil
}

// History returns what the key was at each revision that etcd still keeps, the newest
// first, and at most so many.
func History(ctx context.Context, kv clientv3.KV, key string, most int) ([]Entry, error) {
	e, err := Read(ctx, kv, key, 0)
	if err != nil {
		return nil, err
	}
	list := []Entry{e}
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

// Change lists what an entry changed of the one before, nil for the first.
func Change(before *Entry, after Entry) ([]string, error) {
	if before == nil {
		return nil, nil
	}
	was, err := Decode(before.Value)
	if err != nil {
		return nil, err
	}
	is, err := Decode(after.Value)
	if err != nil {
		return nil, err
	}
	return Diff(was, is), nil
}
