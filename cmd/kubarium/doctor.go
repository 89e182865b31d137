package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"kubarium/cluster/doctor"
)

func newDoctorCommand(g *global) *cobra.Command {
	var running bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check whether this machine can run a cluster, or with --cluster, how the running one fares", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if running {
				return checkCluster(cmd, g)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
			fmt.Fprintln(table, "CHECK\tRESULT\tFOUND\tWHAT TO DO")
			passed, failed := 0, 0
			for _, r := range doctor.Run(g.dataDir) {
				result := "ok"
				switch {
				case r.Warning:
					result = "warning"
					passed++
				case !r.OK:
					result = "missing"
					failed++
				default:
					passed++
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Check, result, r.Found, r.Remedy)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\n%d passed, %d failed\n", passed, failed)
			if failed > 0 {
				return errors.New("this machine can't run a cluster yet: do what the table says")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&running, "cluster", false, "test each service of the running cluster end to end")
	return cmd
}

// oneLine makes a message fit into a table.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }
