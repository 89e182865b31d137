package cluster

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"kubarium/cluster/keyspace"
	"kubarium/cluster/stored"
)

// EtcdKeys returns the keys of etcd that begin with prefix, without sizes; more says that there
// are others.
func (c *Cluster) EtcdKeys(ctx context.Context, prefix string) (entries []stored.Entry, more bool, err error) {
	err = c.withEtcd(func(client *clientv3.Client) error {
		entries, more, err = keyspace.List(ctx, client, prefix, false)
		return err
	})
	return entries, more, err
}

// EtcdValue returns what etcd has under a key at a revision; 0 is now.
func (c *Cluster) EtcdValue(ctx context.Context, key string, revision int64) (entry stored.Entry, err error) {
	err = c.withEtcd(func(client *clientv3.Client) error {
		entry, err = keyspace.Read(ctx, client, key, revision)
		return err
	})
	return entry, err
}

// EtcdHistory returns what etcd still keeps of a key's past, the newest first.
func (c *Cluster) EtcdHistory(ctx context.Context, key string, most int) (entries []stored.Entry, err error) {
	err = c.withEtcd(func(client *clientv3.Client) error {
		entries, err = keyspace.History(ctx, client, key, most)
		return err
	})
	return entries, err
}
