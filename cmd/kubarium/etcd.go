package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/keyspace"
	"kubarium/cluster/printable"
	"kubarium/cluster/stored"
)

// etcdLimit bounds a question to etcd, etcdHistory how many revisions of a key are told.
const (
	etcdLimit   = 10 * time.Second
	etcdHistory = 200
)

func newEtcdCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "etcd", Short: "Look at what the API server keeps in etcd", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(newEtcdListCommand(g), newEtcdGetCommand(g), newEtcdHistoryCommand(g))
	return cmd
}

func newEtcdListCommand(g *global) *cobra.Command {
	var long bool
	var output string
	cmd := &cobra.Command{
		Use: "ls [PREFIX]", Aliases: []string{"list"}, Short: "List the keys that begin with PREFIX", Args: cobra.MaximumNArgs(1),
		Example: `  kubarium etcd ls /registry/secrets/
  kubarium etcd ls -l /registry/leases/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			prefix := "/"
			if len(args) == 1 {
				prefix = args[0]
			}
			return g.askEtcd(cmd.Context(), func(ctx context.Context, client *clientv3.Client) error {
				entries, more, err := keyspace.List(ctx, client, prefix, long || output == "json")
				if err != nil {
					return err
				}
				if more {
					defer fmt.Fprintf(cmd.ErrOrStderr(), "There are more than these %d keys: name a longer prefix.\n", len(entries))
				}
				return writeEntries(cmd.OutOrStdout(), entries, long, output)
			})
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "with revision, number of writes, size and lease")
	cmd.Flags().StringVarP(&output, "output", "o", "lines", "lines or json (one object a line)")
	return cmd
}

func writeEntries(out io.Writer, entries []stored.Entry, long bool, output string) error {
	switch {
	case output == "json":
		return eachJSON(out, entries)
	case !long:
		for _, e := range entries {
			if _, err := fmt.Fprintln(out, printable.Line(e.Key)); err != nil {
				return fmt.Errorf("write keys: %w", err)
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "REVISION\tCREATED\tWRITES\tBYTES\tLEASE\tKEY")
	for _, e := range entries {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%s\t%s\n", e.Revision, e.Created, e.Writes, e.Size, leaseText(e.Lease), printable.Line(e.Key))
	}
	return table.Flush()
}

func leaseText(lease int64) string {
	if lease == 0 {
		return "-"
	}
	return strconv.FormatInt(lease, 16)
}

func newEtcdGetCommand(g *global) *cobra.Command {
	var raw bool
	var output string
	var revision int64
	cmd := &cobra.Command{
		Use: "get KEY", Short: "Show the value of a key, byte by byte or decoded", Args: cobra.ExactArgs(1),
		Long: `Show the value of a key as it lies in etcd, now or at an earlier revision of the store:
byte by byte (hex), as it is (raw), or decoded to the object that it is (yaml, json).
Decoded, a Secret's values are replaced by their sizes.`,
		Example: `  kubarium etcd get /registry/secrets/default/password
  kubarium etcd get -o yaml /registry/deployments/default/web
  kubarium etcd get -o yaml --revision 1234 /registry/deployments/default/web`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if raw {
				output = "raw"
			}
			if !slices.Contains([]string{"hex", "raw", "yaml", "json"}, output) {
				return fmt.Errorf("there is no output %q: use hex, raw, yaml or json", output)
			}
			return g.askEtcd(cmd.Context(), func(ctx context.Context, client *clientv3.Client) error {
				entry, err := keyspace.Read(ctx, client, args[0], revision)
				if err != nil {
					return err
				}
				return writeValue(cmd.OutOrStdout(), entry.Value, output)
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "write the value as it is: the same as -o raw")
	cmd.Flags().StringVarP(&output, "output", "o", "hex", "hex, raw, yaml or json")
	cmd.Flags().Int64Var(&revision, "revision", 0, "the value as it was at this revision of the store, for as long as etcd keeps it")
	return cmd
}

func writeValue(out io.Writer, value []byte, output string) error {
	switch output {
	case "raw":
		_, err := out.Write(value)
		return err
	case "hex":
		_, err := io.WriteString(out, hex.Dump(value))
		return err
	}
	object, err := stored.Decode(value)
	if errors.Is(err, stored.ErrEncrypted) {
		return fmt.Errorf("%w: see it with -o hex", err)
	}
	if err != nil {
		return fmt.Errorf("the value is no object (%w): see it with -o hex", err)
	}
	if output == "json" {
		return json.NewEncoder(out).Encode(object.Object)
	}
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = out.Write(text)
	return err
}

func newEtcdHistoryCommand(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "history KEY", Short: "Tell each write of a key that etcd still keeps, with what it changed", Args: cobra.ExactArgs(1),
		Example: "  kubarium etcd history /registry/deployments/default/web",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return g.askEtcd(cmd.Context(), func(ctx context.Context, client *clientv3.Client) error {
				list, err := keyspace.History(ctx, client, args[0], etcdHistory)
				if err != nil {
					return err
				}
				return writeHistory(cmd.OutOrStdout(), list, output)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "lines", "lines or json (one object a line)")
	return cmd
}

// write is a revision of a key and what it changed.
type write struct {
	stored.Entry
	Changes []string `json:"changes,omitempty"`
	Trouble string   `json:"trouble,omitempty"`
}

func writeHistory(out io.Writer, list []stored.Entry, output string) error {
	writes := make([]write, 0, len(list))
	for i, e := range slices.Backward(list) {
		w := write{Entry: e}
		if i+1 < len(list) {
			var err error
			if w.Changes, err = stored.Change(&list[i+1], e); err != nil {
				w.Trouble = err.Error()
			}
		}
		writes = append(writes, w)
	}
	if output == "json" {
		return eachJSON(out, writes)
	}
	for _, w := range writes {
		line := fmt.Sprintf("revision %d, write %d, %d bytes, lease %s", w.Revision, w.Writes, w.Size, leaseText(w.Lease))
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
		for _, change := range w.Changes {
			fmt.Fprintln(out, "  "+printable.Line(change))
		}
		if w.Trouble != "" {
			fmt.Fprintln(out, "  "+printable.Line(w.Trouble))
		}
	}
	return nil
}

// askEtcd connects to the cluster's etcd, on a socket that only root can open.
func (g *global) askEtcd(ctx context.Context, ask func(context.Context, *clientv3.Client) error) error {
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
