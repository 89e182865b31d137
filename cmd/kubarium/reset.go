package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"kubarium/cluster"
)

func newResetCommand(g *global) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "reset", Short: "Start the cluster over: all that is in it is lost", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return remove(cmd, g, yes, "all objects, nodes' disks and loaded images of the cluster", "The next start makes a new one.")
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	return cmd
}

func newCleanCommand(g *global) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "clean", Short: "Remove the cluster and all that it left on this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return remove(cmd, g, yes, "the cluster and all its files", "")
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	return cmd
}

func remove(cmd *cobra.Command, g *global, yes bool, what, after string) error {
	if err := needRoot(cmd, "the cluster's files are root's"); err != nil {
		return err
	}
	if !yes {
		return fmt.Errorf("this deletes %s %q: add --yes to do it", what, g.name)
	}
	if err := cluster.Remove(cmd.Context(), g.layout()); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "cluster/%s removed. %s\n", g.name, after)
	return nil
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the versions of kubarium and what is in it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, line := range cluster.Versions(version) {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return nil
		},
	}
}
