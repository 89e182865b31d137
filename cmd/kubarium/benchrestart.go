package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"kubarium/cluster/bench"
	"kubarium/cluster/control"
)

// maxRounds is where more rounds tell no more.
const maxRounds = 1000

func newBenchRestartCommand() *cobra.Command {
	var output string
	options := bench.RestartOptions{}
	cmd := &cobra.Command{
		Use: "restart", Short: "Stop and start each component of a new cluster under load, and remove it", Args: cobra.NoArgs,
		Long: `Stop and start each component of a new cluster again and again, while pods and other
objects are created and deleted. For each: the median seconds of a stop and of a
start, how many acknowledged objects were lost, and what the process holds more
after the last round than after the fifth.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if options.Rounds < 1 || options.Rounds > maxRounds {
				return fmt.Errorf("%d rounds: use 1 to %d", options.Rounds, maxRounds)
			}
			self, dir, err := benchPlace(cmd, output)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			options.Self, options.Dir = self, dir
			options.Told = func(name string, round int, held control.Process) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s, round %d: %d goroutines, %d descriptors, %.1f MiB live\n", name, round, held.Goroutines, held.Descriptors, float64(held.Heap)/(1<<20))
			}
			results, err := bench.RunRestart(cmd.Context(), options)
			return errors.Join(err, tellRestarts(cmd, results, output))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the result: text or json")
	cmd.Flags().IntVar(&options.Rounds, "rounds", 3, "how often each component is stopped and started")
	cmd.Flags().StringSliceVar(&options.Components, "component", nil, "only these components")
	return cmd
}

func tellRestarts(cmd *cobra.Command, results []bench.Restart, output string) error {
	if len(results) == 0 {
		return nil
	}
	if output == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(results)
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tSTOP\tSTART\tSLOWEST\tREADY\tLOST\tGROWTH")
	for _, r := range results {
		fmt.Fprintf(table, "%s\t%.2f s\t%.2f s\t%.2f s\t%.2f s\t%d of %d\t%+d goroutines, %+d descriptors, %+.1f MiB\n",
			r.Component, r.Stop, r.Start, r.SlowestStart, r.Ready, r.Lost, r.Created, r.Growth.Goroutines, r.Growth.Descriptors, r.Growth.Heap)
	}
	return table.Flush()
}
