package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdLimit bounds a question to etcd.
const etcdLimit = 10 * time.Second

func newEtcdCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "etcd", Short: "Look at what the API server keeps in etcd", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(
		&cobra.Command{
			Use: "ls [PREFIX]", Aliases: []string{"list"}, Short: "List the keys that begin with PREFIX", Args: cobra.MaximumNArgs(1),
			Example: "  kubarium etcd ls /registry/secrets/",
			RunE: func(cmd *cobra.Command, args []string) error {
				prefix := "/"
				if len(args) == 1 {
					prefix = args[0]
				}
				return g.askEtcd(cmd.Context(), func(ctx context.Context, kv clientv3.KV) error {
					found, err := kv.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
					if err != nil {
						return fmt.Errorf("list keys: %w", err)
					}
					for _, pair := range found.Kvs {
						fmt.Fprintln(cmd.OutOrStdout(), string(pair.Key))
					}
					return nil
				})
			},
		},
		newEtcdGetCommand(g),
	)
	return cmd
}

func newEtcdGetCommand(g *global) *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use: "get KEY", Short: "Show the value of a key, byte by byte", Args: cobra.ExactArgs(1),
		Example: "  kubarium etcd get /registry/secrets/default/password",
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.askEtcd(cmd.Context(), func(ctx context.Context, kv clientv3.KV) error {
				found, err := kv.Get(ctx, args[0])
				if err != nil {
					return fmt.Errorf("get key: %w", err)
				}
				if len(found.Kvs) == 0 {
					return fmt.Errorf("etcd has no key %s: list them with 'kubarium etcd ls'", args[0])
				}
				return writeValue(cmd.OutOrStdout(), found.Kvs[0].Value, raw)
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "write the value as it is")
	return cmd
}

func writeValue(out io.Writer, value []byte, raw bool) error {
	if raw {
		_, err := out.Write(value)
		return err
	}
	_, err := io.WriteString(out, hex.Dump(value))
	return err
}

// askEtcd connects to the cluster's etcd, on a socket that only root can open.
func (g *global) askEtcd(ctx context.Context, ask func(context.Context, clientv3.KV) error) error {
	// The control socket tells apart why etcd can't be reached.
	if _, err := g.client().Info(ctx); err != nil {
		return g.explain(err)
	}
	socket := g.layout().EtcdSocket()
	if _, err := os.Stat(socket); err != nil {
		return fmt.Errorf("etcd does not run: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + socket}, Logger: zap.NewNop()})
	if err != nil {
		return fmt.Errorf("connect to etcd: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, etcdLimit)
	defer cancel()
	return ask(ctx, client)
}
