package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"
)

func newNodeCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "Add, stop, start, kill and remove nodes", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(
		newNodeListCommand(g),
		newNodeAddCommand(g),
		nodeAction(g, "start", "Start nodes that were stopped or killed", "started"),
		nodeAction(g, "stop", "Shut nodes down: their processes are asked to end", "stopped"),
		nodeAction(g, "kill", "Cut the power of nodes: all in them is gone at once", "killed"),
		&cobra.Command{
			Use: "rm NODE...", Short: "Remove nodes for good, with their disks and the volumes on them", Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return forEach(cmd, g, args, "removed", g.client().RemoveNode)
			},
		},
	)
	return cmd
}

func newNodeAddCommand(g *global) *cobra.Command {
	var disk bytesFlag
	cmd := &cobra.Command{
		Use: "add", Short: "Add a node to the running cluster", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name, err := g.client().AddNode(cmd.Context(), int64(disk))
			if err != nil {
				return g.explain(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "node/%s added\n", name)
			return nil
		},
	}
	cmd.Flags().Var(&disk, "disk", "give the node a disk of its own, of this size (2Gi), which can be full")
	return cmd
}

// bytesFlag is an amount of bytes, written as Kubernetes does: "2Gi".
type bytesFlag int64

// String is the amount as it is written.
func (b *bytesFlag) String() string {
	if *b == 0 {
		return ""
	}
	return resource.NewQuantity(int64(*b), resource.BinarySI).String()
}

// Set reads an amount.
func (b *bytesFlag) Set(text string) error {
	amount, err := resource.ParseQuantity(text)
	if err != nil || amount.Sign() <= 0 {
		return errors.New("no size")
	}
	*b = bytesFlag(amount.Value())
	return nil
}

// Type is what help calls it.
func (b *bytesFlag) Type() string { return "size" }

// Want is what an invocation that has something else should have.
func (b *bytesFlag) Want() string { return "a size such as 2Gi" }

func nodeAction(g *global, verb, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NODE...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return forEach(cmd, g, args, done, func(ctx context.Context, name string) error {
				return g.client().Node(ctx, name, verb)
			})
		},
	}
}

func forEach(cmd *cobra.Command, g *global, names []string, done string, do func(context.Context, string) error) error {
	for _, name := range names {
		name = strings.TrimPrefix(name, "node/")
		if err := do(cmd.Context(), name); err != nil {
			return g.explain(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "node/%s %s\n", name, done)
	}
	return nil
}

func newNodeListCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List the nodes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := g.client().Info(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "NAME\tSTATE\tSINCE\tMESSAGE")
			for _, c := range info.Components {
				if strings.HasPrefix(c.Name, "node-") {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Name, c.State, duration.HumanDuration(time.Since(c.Since)), c.Message)
				}
			}
			return table.Flush()
		},
	}
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
