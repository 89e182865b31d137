package cluster

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// EtcdValue returns what etcd has under a key, byte by byte.
func (c *Cluster) EtcdValue(ctx context.Context, key string) (value []byte, found bool, err error) {
	err = c.withEtcd(func(etcd *clientv3.Client) error {
		answer, err := etcd.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("get key %s of etcd: %w", key, err)
		}
		if len(answer.Kvs) > 0 {
			value, found = answer.Kvs[0].Value, true
		}
		return nil
	})
	return value, found, err
}
