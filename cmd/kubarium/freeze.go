package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newFreezeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "freeze", Short: "Stop the whole world where it is, while you read", Args: cobra.NoArgs,
		Long: `Stops all processes of all nodes where they are, with the kernel's cgroup freezer, and
holds the controllers and the scheduler, so that no node is thought dead meanwhile. The
API server goes on: what is in the cluster can be read and written. 'kubarium thaw' lets
all go on, where it was. The clocks go on all the while.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return timed(cmd, g, g.client().Freeze, "frozen in %[1]s; thaw it with: kubarium thaw%[2]s\n")
		},
	}
}

func newThawCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "thaw", Short: "Let the world go on after freeze", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return timed(cmd, g, g.client().Thaw, "thawed in %[1]s\n")
		},
	}
}

// timed does something, and tells how long it took.
func timed(cmd *cobra.Command, g *global, do func(context.Context) error, told string) error {
	began := time.Now()
	if err := do(cmd.Context()); err != nil {
		return g.explain(err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), told, time.Since(began).Round(time.Millisecond), g.nameFlag())
	return nil
}
