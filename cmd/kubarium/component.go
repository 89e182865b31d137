package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newComponentCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "component", Short: "List, stop and start parts of the control plane", Args: cobra.NoArgs, RunE: showHelp}
	cmd.AddCommand(
		newComponentListCommand(g),
		componentAction(g, "stop", "Stop parts of the control plane, to see what no longer works", "stopped"),
		componentAction(g, "start", "Start parts of the control plane again", "started"),
	)
	return cmd
}

func newComponentListCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List the parts of the control plane", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := g.client().Info(cmd.Context())
			if err != nil {
				return g.explain(err)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "NAME\tSTATE\tPURPOSE")
			for _, c := range info.Components {
				if !strings.HasPrefix(c.Name, "node-") {
					fmt.Fprintf(table, "%s\t%s\t%s\n", c.Name, c.State, c.Purpose)
				}
			}
			return table.Flush()
		},
	}
}

func componentAction(g *global, verb, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " COMPONENT...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				err := g.client().Component(cmd.Context(), name, verb)
				if err != nil {
					return g.explain(err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "component/%s %s\n", name, done)
			}
			return nil
		},
	}
}
